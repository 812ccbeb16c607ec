import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { domains } from "../../sdk/observe/domains.ts";
import { ovsDatabase, ovsLiveness } from "../../sdk/observe/ovs.ts";
import type { Probe } from "../../sdk/observe/probe.ts";
import type { Host } from "../../sdk/provider/handler.ts";
import { outageHandler } from "../../sdk/provider/handlers/outage.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { outage } from "../../sdk/schema/outage.ts";
import { ResultRecord } from "../../sdk/schema/record.ts";
import { recorded } from "../observe/recorded.ts";
import { operationOn } from "./this-machine.ts";

const STAND_IN = join(import.meta.dirname, "recorded-program.mjs");
const inputs: Inputs<typeof outage> = {
  ...{ host: { name: "dut", connection: { kind: "local" as const } }, name: "reset", rate: 1000 },
  generator: { kind: "nfvlab", program: STAND_IN, cpus: "0", hugepages: false },
  ...{ from: { kind: "af_packet", interface: "v0" }, to: { kind: "af_packet", interface: "v1" } },
  ...{ event: { kind: "guest-reset", domain: "vnf" }, lead: "1s", watch: "1s" },
};

/** This machine, whose guests and switch are made up and whose steps are noted. */
function device(fails = "") {
  const made = operationOn({ REPORT: new URL("../fixtures/traffic/cut.txt", import.meta.url).pathname });
  const host = made.operation.host(inputs.host);
  const done: string[] = [];
  const seen = new Map<Probe<unknown>, unknown>([
    [domains, [{ name: "vnf", state: "running" }]],
    [
      ovsDatabase,
      { state: "answering", bridges: [{ name: "br0" }], interfaceTypes: ["dpdkvhostuserclient"] },
    ],
    [ovsLiveness, true],
  ]);
  const note = (argv: readonly string[]) => {
    const words = argv.join(" ");
    if (!/virsh|ovs-vsctl|ovs-ofctl/.test(words)) return false;
    done.push(words.replace(/^.*(reset|add-port|del-port|add-flows|del-flows) /s, "$1 "));
    return true;
  };
  const own: Host = {
    ...host,
    observeNow: (async (probes: Readonly<Record<string, Probe<unknown>>>) => {
      const known = Object.entries(probes).map(([key, probe]) => [key, seen.get(probe)] as const);
      return known.every(([, value]) => value !== undefined)
        ? Object.fromEntries(known)
        : host.observeNow(probes);
    }) as Host["observeNow"],
    execute: async (steps) => {
      for (const step of steps) {
        if (note(step.argv)) {
          if (fails !== "" && step.argv.join(" ").includes(fails))
            throw new Error(`could not ${step.purpose}`);
        } else await host.execute([step]);
      }
    },
    transport: {
      ...host.transport,
      execute: async (command) =>
        note(command.argv)
          ? { ...(await host.transport.execute({ argv: ["true"] })) }
          : host.transport.execute(command),
    } as Host["transport"],
  };
  return { ...made, operation: { ...made.operation, host: () => own }, done };
}

describe("an outage", () => {
  it("is measured round the event alone that was named, once for each repetition", async () => {
    const { operation, done, units } = device();
    const { record, frames } = await outageHandler.create(operation, { ...inputs, repetitions: 2 });
    expect(ResultRecord.parse(record)).toMatchObject({ kind: "outage", valid: true, invalidReasons: [] });
    expect(record.subject).toBe("dut, guest-reset at 1000 frames/s");
    expect(record.metrics.map(({ name, samples }) => [name, samples])).toEqual(
      ["", ".by-loss", ".lost", ".before"].map((role) => [`outage.guest-reset${role}`, 2]),
    );
    expect(frames).toMatchObject({ forward: { lost: 616 }, reverse: null });
    expect(done).toEqual(["reset vnf", "reset vnf"]);
    const signals = units.flatMap((words) => /--signal=(\w+)/.exec(words)?.[1] ?? []);
    expect(signals).toEqual(["SIGUSR2", "SIGUSR1", "SIGUSR2", "SIGUSR1"]);
  });

  it("takes away the port that it added, and what an engine left that was lost", async () => {
    const { operation, done } = device();
    await outageHandler.create(operation, { ...inputs, event: { kind: "add-port", bridge: "br0" } });
    expect(done).toEqual([
      "del-port br0 nfvlab-0a1b2c3d",
      expect.stringMatching(
        /^add-port br0 nfvlab-0a1b2c3d -- set Interface nfvlab-0a1b2c3d type=dpdkvhostuserclient /,
      ),
      "del-port br0 nfvlab-0a1b2c3d",
    ]);
  });

  it("takes away the flows that it added, and what an engine left that was lost", async () => {
    const { operation, done } = device();
    const event = { kind: "add-flows" as const, bridge: "br0", count: 50 };
    const { record } = await outageHandler.create(operation, { ...inputs, event });
    expect(record.metrics.map(({ name }) => name)).toEqual(
      ["", ".by-loss", ".lost", ".before"].map((role) => `outage.add-flows${role}`),
    );
    const gone = "del-flows br0 cookie=0x6e66766c0a1b2c3d/-1";
    expect(done).toEqual([gone, 'add-flows "$1" - sh br0 0x6e66766c0a1b2c3d 50', gone]);
  });

  it("takes it away too where the event fails, or is interrupted", async () => {
    const event = { kind: "add-port" as const, bridge: "br0" };
    const failing = device("add-port");
    await expect(outageHandler.create(failing.operation, { ...inputs, event })).rejects.toThrow(
      "could not add port nfvlab-0a1b2c3d to br0",
    );
    expect(failing.done.at(-1)).toBe("del-port br0 nfvlab-0a1b2c3d");

    const stopped = device();
    const failure = outageHandler
      .create(stopped.operation, { ...inputs, event, watch: "60s" })
      .catch((error) => error);
    while (!stopped.done.some((words) => words.startsWith("add-port")))
      await new Promise((resolve) => setTimeout(resolve, 50));
    stopped.controller.abort();
    expect(await failure).toBeInstanceOf(Error);
    expect(stopped.done.at(-1)).toBe("del-port br0 nfvlab-0a1b2c3d");
  });

  it("does nothing to a machine that has no such guest or bridge", async () => {
    for (const [event, said] of [
      [{ kind: "guest-reset", domain: "other" }, "guest other does not run on dut"],
      [{ kind: "add-port", bridge: "br9" }, "dut has no bridge br9"],
      [{ kind: "add-flows", bridge: "br9" }, "dut has no bridge br9"],
    ] as const) {
      const { operation, done, units } = device();
      await expect(outageHandler.create(operation, { ...inputs, event })).rejects.toThrow(said);
      expect([done, units]).toEqual([[], []]);
    }
  });

  it("is history: an update measures nothing again", async () => {
    const { operation, done } = device();
    const report = recorded("traffic/cut.txt").stdout;
    expect(report).toContain('"mark"');
    const made = await outageHandler.create(operation, inputs);
    const again = await outageHandler.update(operation, inputs, { ...inputs, ...made });
    expect([again, done]).toEqual([made, ["reset vnf"]]);
  });
});
