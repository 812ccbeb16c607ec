import { describe, expect, it } from "vitest";
import type { Host, Operation } from "../../sdk/provider/handler.ts";
import { type Journey, migrateInTurn } from "../../sdk/provider/migrating.ts";
import { NOTHING_KEPT } from "../../sdk/provider/raw-outputs.ts";
import type { Command } from "../../sdk/remote/transport.ts";
import type { MigrationSettings } from "../../sdk/schema/migration.ts";
import type { LabError } from "../../sdk/units/errors.ts";
import { recorded, said } from "../observe/recorded.ts";

const connection = { kind: "ssh" as const, host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA" };
const started = recorded("libvirt/11.3.0/guest-started.txt").stdout;
const UUID = /<uuid>(.*)<\/uuid>/.exec(started)?.[1] ?? "";
const DOMAIN = "vnf probe";

/** Two libvirts as a migration that goes on has them: the guest runs here, and a copy waits there for the rest of it. */
class TwoMachines {
  /** libvirt has a job of the guest. */
  goesOn = false;
  /** What a look at one that goes on ends with: it can be cancelled, or not. */
  canBeCancelled = true;
  /** The guest at home as the look finds it; its copy stands still on the other machine where that is said. */
  atHome = started;
  copyIsAway = false;
  /** What became of the unit: what its script printed. */
  printed = "";
  readonly done: string[] = [];

  host(name: "a" | "b"): Host {
    const execute = async ({ argv }: Command) => ({ ...this.#answer(name, argv), durationMs: 271_400 });
    return {
      name,
      transport: { execute, run: execute },
      execute: async (steps: readonly Command[]) => {
        for (const step of steps) await execute(step);
      },
    } as unknown as Host;
  }

  #answer(name: "a" | "b", argv: readonly string[]) {
    const words = argv.join(" ");
    if (argv[0] === "systemd-run" && argv.includes(DOMAIN)) {
      this.done.push(`${name}: migrate`);
      this.goesOn = !this.printed.includes("@end");
      return said(this.printed);
    }
    if (words.includes("ssh-keygen")) return said("ssh-ed25519 AAAAC3Nza nfvlab-x\n");
    if (words.includes("expiry-time"))
      return said("@user root\n@socket /run/libvirt/libvirt-sock\nssh-ed25519 AAAAhost root@b\n");
    if (words.includes("operation: 5")) return this.#leave(name);
    if (words.includes("domstate") && words.includes("dumpxml")) return said(this.#guests(name));
    if (/destroy|resume/.test(words)) this.done.push(`${name}: ${argv.at(-2)} ${argv.at(-1)}`);
    if (words.includes("setmaxdowntime")) this.done.push(`${name}: downtime ${argv.at(-1)}`);
    if (words.startsWith("rm -f /var/lib/nfvlab/away/")) this.done.push(`${name}: forget`);
    return said("");
  }

  #leave(name: "a" | "b") {
    if (!this.goesOn) return said("");
    if (name === "b") return said("");
    this.done.push(`${name}: cancel`);
    if (!this.canBeCancelled)
      return { ...said("Job type: 2\n\noperation: 5\ntime_elapsed: 400000\n"), code: 1 };
    this.goesOn = false;
    return said("");
  }

  #guests(name: "a" | "b"): string {
    if (name === "a") return this.atHome;
    return this.goesOn || this.copyIsAway ? started.replace("@state running", "@state paused") : "";
  }
}

function journey(machines: TwoMachines, settings: MigrationSettings = {}): Journey {
  const operation = {
    ...{ tag: "0badcafe", resourceName: "run", signal: new AbortController().signal },
    ...{ status: () => undefined, warn: (text: string) => machines.done.push(`warned: ${text}`) },
  } as unknown as Operation;
  return {
    operation,
    inputs: {
      ...{ host: { name: "a", connection }, destination: { name: "b", connection } },
      ...{ name: "run", domain: DOMAIN, repetitions: 1, limit: "90s", settings },
      addresses: { host: "198.18.100.1", destination: "198.18.100.2" },
    },
    ...{ home: machines.host("a"), away: machines.host("b"), uuid: UUID, raw: NOTHING_KEPT },
  };
}

const failure = (machines: TwoMachines, settings: MigrationSettings = {}) =>
  migrateInTurn(journey(machines, settings)).then(
    () => undefined,
    (error: LabError) => error,
  );

describe("a migration whose unit was ended from outside", () => {
  it("is cancelled before anybody looks where the guest is, and says where it was found", async () => {
    const machines = new TwoMachines();
    machines.printed = "@job\nJob type: 2\n\noperation: 5\ntime_elapsed: 89000\n";
    const error = await failure(machines);
    expect(error?.message).toBe(
      "a migration of vnf probe was ended from outside, and nothing is measured: " +
        "observed its unit on a ended after 271 s without a report; the guest was then found on a, running once, and was left at home; " +
        "journalctl -u nfvlab-0badcafe-run on a tells what ended it",
    );
    // The copy that waits is no remainder while it may still become the guest.
    expect(machines.done).toEqual(["a: migrate", "a: cancel", "a: forget"]);
  });

  it("leaves QEMU's limits as they were", async () => {
    const machines = new TwoMachines();
    machines.printed = "@job\nJob type: 2\n\noperation: 5\ntime_elapsed: 89000\n";
    expect((await failure(machines, { downtimeLimit: "10ms" }))?.code).toBe("migration-ended");
    expect(machines.done).toEqual([
      "a: downtime 10",
      "a: migrate",
      "a: cancel",
      "a: downtime 300",
      "a: forget",
    ]);
  });

  it("that can't be cancelled is left alone, and so is the note that the guest may be away", async () => {
    const machines = new TwoMachines();
    machines.canBeCancelled = false;
    const error = await failure(machines);
    expect(error?.code).toBe("migration-going-on");
    expect(error?.message).toBe(
      "guest vnf probe is still being migrated, and it is not sure which machine it will run on: " +
        "observed Job type: 2, operation: 5, time_elapsed: 400000 on a, 120 s after it was cancelled, expected no job; " +
        "it is left alone: a post-copy can't be cancelled, and has to come to its end (virsh domjobinfo vnf probe); " +
        "then see that the guest runs once (virsh list on both machines), and run pulumi up",
    );
    expect(machines.done).not.toContainEqual(expect.stringMatching(/destroy|resume|forget/));
  });
});

describe("a guest that runs nowhere afterwards", () => {
  const nowhere = async (copyIsAway: boolean) => {
    const machines = new TwoMachines();
    machines.printed = recorded("libvirt/11.3.0/migration-not-converged.txt").stdout;
    machines.atHome = started.replace("@state running", "@state shut off");
    machines.copyIsAway = copyIsAway;
    return { machines, error: await failure(machines) };
  };

  it("may be started at home again where there is no copy of it", async () => {
    const { machines, error } = await nowhere(false);
    expect(error?.message).toContain("shut off on a, not there on b");
    expect(error?.code).toBe("guest-nowhere");
    expect(machines.done).toContain("a: forget");
  });

  it("stays noted as away where a copy of it stands still there", async () => {
    const { machines, error } = await nowhere(true);
    expect(error?.message).toContain("shut off on a, paused on b");
    expect(error?.message).toContain(
      "end the copy on b (virsh destroy vnf probe) and remove /var/lib/nfvlab/away/vnf probe on a",
    );
    expect(error?.code).toBe("guest-nowhere");
    expect(machines.done).not.toContainEqual(expect.stringMatching(/destroy|resume|forget/));
  });
});

it("that did not converge is a run of a series, which ends with it", async () => {
  const machines = new TwoMachines();
  machines.printed = recorded("libvirt/11.3.0/migration-not-converged.txt").stdout;
  const runs = await migrateInTurn(journey(machines));
  expect(runs.map(({ observed: { late, stuck } }) => [late, stuck])).toEqual([[true, false]]);
  expect(machines.done).toEqual(["a: migrate", "a: forget"]);
});
