import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import { menuEntries } from "../../sdk/observe/boot-loader.ts";
import { parseCyclictest } from "../../sdk/observe/cyclictest.ts";
import { parseDensity } from "../../sdk/observe/density.ts";
import { parseExitCost } from "../../sdk/observe/exit-cost.ts";
import { parseGuestInside } from "../../sdk/observe/guest-inside.ts";
import { parseHwlatdetect } from "../../sdk/observe/hwlatdetect.ts";
import { interruptsIn } from "../../sdk/observe/kernel-files.ts";
import { parseLscpu } from "../../sdk/observe/lscpu.ts";
import { parseMigrationJob, parseMigrationRun, parseMigrationStatus } from "../../sdk/observe/migration.ts";
import { nicsOf, pciFiles, pciLinks } from "../../sdk/observe/nics.ts";
import { parseOslat } from "../../sdk/observe/oslat.ts";
import { parsePmdRxqShow } from "../../sdk/observe/ovs.ts";
import { parsePmdPerfShow } from "../../sdk/observe/ovs-performance.ts";
import { aptSimulation } from "../../sdk/observe/packages.ts";
import { parsePing } from "../../sdk/observe/ping.ts";
import type { Probe } from "../../sdk/observe/probe.ts";
import { parseRtla } from "../../sdk/observe/rtla.ts";
import { parseOperations } from "../../sdk/observe/stress-ng.ts";
import { parseTracing } from "../../sdk/observe/tracing.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import { parseExitCounters } from "../../sdk/observe/vcpu-exits.ts";
import { LabError } from "../../sdk/units/errors.ts";
import { mutated, mutations } from "./mutations.ts";
import { insideGuest, recorded, recordedMachine, said } from "./recorded.ts";

/** Mutations of each recorded text. `NFVLAB_LONG_TRIALS=1` takes a hundred times as many, others each time. */
const isLong = process.env["NFVLAB_LONG_TRIALS"] === "1";
const runs = isLong ? { numRuns: 20_000 } : { numRuns: 200, seed: 8204 };

type Parser = (text: string) => unknown;

const outputs: readonly (readonly [fixture: string, parse: Parser])[] = [
  ["rt-tests/2.60/overflow.txt", parseCyclictest],
  ["rt-tests/2.10/cyclictest-nanoseconds.txt", parseCyclictest],
  ["rt-tests/2.40/oslat.txt", parseOslat],
  ["rt-tests/2.10/oslat-nanoseconds.txt", parseOslat],
  ["rt-tests/2.40/hwlatdetect.txt", parseHwlatdetect],
  ["rt-tests/2.10/hwlatdetect.txt", parseHwlatdetect],
  ["rtla/6.1/osnoise.txt", parseRtla],
  ["rtla/6.12/osnoise-overflow.txt", parseRtla],
  ["rtla/7.2/timerlat-user.txt", parseRtla],
  ["rtla/7.2/tracing.txt", parseTracing],
  ["libvirt/11.3.0/vcpu-exits.txt", parseExitCounters],
  ["iputils/20240905/answered.txt", parsePing],
  ["iputils/20240905/silent.txt", parsePing],
  ["iputils/20221126/stalled.txt", parsePing],
  ["traffic/ring.txt", parseTrafficReport],
  ["traffic/forwarder.txt", parseTrafficReport],
  ["exits/emulated.txt", parseExitCost],
  ["stress-ng/0.19.02/cpu.txt", parseOperations],
  ["qemu/10.0.13/active.txt", parseMigrationStatus],
  ["qemu/7.2.22/completed.txt", parseMigrationStatus],
  ["libvirt/11.3.0/density.txt", (text) => parseDensity(text, 2)],
  ["lxc/6.0.4/density.txt", (text) => parseDensity(text, 2)],
  ["lxc/6.0.4/density-refused.txt", (text) => parseDensity(text, 3)],
  ["libvirt/11.3.0/job-completed.txt", parseMigrationJob],
  ["libvirt/11.3.0/migration-completed.txt", parseMigrationRun],
  ["libvirt/11.3.0/migration-cancelled.txt", parseMigrationRun],
  ["ovs/3.5.0/pmd-perf-show.txt", parsePmdPerfShow],
  ["ovs/3.5.0/pmd-rxq-show.txt", parsePmdRxqShow],
  ["lscpu/2.38.1/two-sockets.txt", (text) => parseLscpu(said(text))],
  ["lscpu/2.34/many-caches.txt", (text) => parseLscpu(said(text))],
  ["procfs/6.12/interrupts.txt", interruptsIn],
  ["apt/simulate-disturbing.txt", aptSimulation],
  ["grub/2.12/two-kernels.cfg", menuEntries],
];

/** Recorded without the rest of their machine. */
const alone: readonly (readonly [fixture: string, probe: string])[] = [
  ["iproute2/6.15.0/links.txt", "network-links"],
  ["iproute2/6.15.0/addr.txt", "interface-addresses"],
  ["iproute2/6.15.0/link-virtual-functions.txt", "virtual-function-states"],
  ["machine/debian-13/management-path.txt", "management-path"],
  ["boot-entries/systemd-boot-257.txt", "boot-loader"],
  ["libvirt/11.3.0/guest-started.txt", "libvirt-domains"],
  ["sysfs/6.12/two-sockets.txt", "cpu-topology"],
  ["stress-ng/0.15.06/df.txt", "load-folder-space"],
  ["systemd/257/leases-two.txt", "lease-ledger"],
  ["resctrl/two-sockets.txt", "resctrl"],
  ["procfs/swap-on.txt", "swap"],
  ["procfs/6.12/confined-tasks.txt", "confined-tasks"],
  ["procfs/6.12/listening-sockets.txt", "listening-sockets"],
  ["smbios/registered.txt", "hardware"],
  ["ethtool/6.14.2/nic-settings.txt", "nic-settings"],
];

const folder = join(import.meta.dirname, "../../sdk/observe");
const modules = await Promise.all(
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => import(join(folder, name)) as Promise<Record<string, unknown>>),
);
/** Every probe of the room. */
const probes = new Map(
  modules
    .flatMap((module) => Object.values(module))
    .filter(isProbe)
    .map((probe) => [probe.name, probe] as const),
);

function isProbe(value: unknown): value is Probe<unknown> {
  return typeof value === "object" && value !== null && "parse" in value && "ask" in value && "name" in value;
}

/** Paths of numbers that are none. */
function insane(value: unknown, path = ""): string[] {
  if (typeof value === "number") return !Number.isFinite(value) ? [`${path} is ${value}`] : [];
  if (typeof value !== "object" || value === null) return [];
  const entries =
    value instanceof Map
      ? [...value]
      : value instanceof Set || Symbol.iterator in value
        ? [...(value as Iterable<unknown>)].entries()
        : Object.entries(value);
  return [...entries].flatMap(([key, item]) => insane(item, `${path}.${String(key)}`));
}

function survives(parse: Parser, text: string): void {
  fc.assert(
    fc.property(mutations, (all) => {
      let value: unknown;
      try {
        value = parse(mutated(text, all));
      } catch (error) {
        if (error instanceof LabError) return;
        throw error;
      }
      expect(insane(value)).toEqual([]);
    }),
    runs,
  );
}

const long = { timeout: 10 * 60_000 };

describe("what a tool printed, with something wrong in it, is a value or a typed error", () => {
  it.each(outputs)("%s", long, (fixture, parse) => {
    survives(parse, recorded(fixture).stdout);
  });

  const machine = recordedMachine("machine/debian-13/emulated-server.txt");
  const answers = [...machine].flatMap(([name, answer]) => {
    const probe = probes.get(name);
    return probe === undefined ? [] : [[name, probe, answer.stdout] as const];
  });

  it.each(alone)("%s, of %s", long, (fixture, name) => {
    const probe = probes.get(name);
    if (probe === undefined) throw new Error(`there is no probe ${name}`);
    survives((changed) => probe.parse(said(changed)), recorded(fixture).stdout);
  });

  it.each(answers)("%s of a machine", long, (_, probe, text) => {
    survives((changed) => probe.parse(said(changed)), text);
  });

  it("the network cards of a machine", long, () => {
    const [files, links] = ["pci-files", "pci-links"].map((name) => machine.get(name)?.stdout ?? "");
    survives(
      (changed) => nicsOf(pciFiles.parse(said(changed)), pciLinks.parse(said(links ?? ""))),
      files ?? "",
    );
    survives(
      (changed) => nicsOf(pciFiles.parse(said(files ?? "")), pciLinks.parse(said(changed))),
      links ?? "",
    );
  });

  it("finds the probes of the room, and most of what a machine was asked", () => {
    expect(probes.size).toBeGreaterThan(30);
    expect(answers.length).toBeGreaterThan(0.7 * machine.size);
  });

  it.each([...probes.values()].map((probe) => [probe.name, probe] as const))(
    "%s, answered by another tool, by nothing, or by a failure",
    (_, probe) => {
      const texts = [
        "",
        "\n",
        "null",
        "[]",
        "{}",
        "error: no such command",
        ...outputs.map(([fixture]) => recorded(fixture).stdout),
      ];
      for (const stdout of texts) {
        for (const code of [0, 1, 127]) {
          let value: unknown;
          try {
            value = probe.parse({ code, stdout, stderr: code === 0 ? "" : stdout });
          } catch (error) {
            if (error instanceof LabError) continue;
            throw error;
          }
          expect(insane(value)).toEqual([]);
        }
      }
    },
  );

  it("what a guest says of itself", long, () => {
    survives(parseGuestInside, insideGuest());
  });

  it("boot arguments", long, () => {
    survives(
      parseBootArguments,
      'BOOT_IMAGE=/vmlinuz root=UUID=1 isolcpus=2-3 hugepagesz=1G hugepages=4 dyndbg="file a +p" -- single\n',
    );
  });
});
