import { bootConfigurationOf, configurationFiles, maskedFiles } from "../../observe/boot-configuration.ts";
import { firmwareFiles, firmwareOf, firmwareTables } from "../../observe/firmware.ts";
import { hugepagePools } from "../../observe/hugepages.ts";
import { irqBalanceNow } from "../../observe/irq-balance.ts";
import { interruptsIn, kernelFiles, tuningServices } from "../../observe/kernel-files.ts";
import { kernelThreadsNow } from "../../observe/kernel-threads.ts";
import { latencyHolders } from "../../observe/latency-holders.ts";
import { kernelModule, type ObservedModule } from "../../observe/module-parameters.ts";
import type { Probe } from "../../observe/probe.ts";
import { idleLatencyLimit } from "../../observe/settings.ts";
import { swapAreas } from "../../observe/swap.ts";
import { sysctlValues } from "../../observe/sysctls.ts";
import { systemdCpusNow } from "../../observe/systemd-cpus.ts";
import { inspectTuning } from "../../plan/inspection.ts";
import { inspectFirmware } from "../../plan/inspection-firmware.ts";
import { countVerdicts, explainInspection, summarize } from "../../plan/inspection-text.ts";
import { patternsOf } from "../../plan/kernel-files.ts";
import { knobs } from "../../plan/knobs.ts";
import { inspect } from "../../schema/inspection.ts";
import type { FunctionHandler } from "../handler.ts";
import { bootProbes, shownBy } from "../rebooting.ts";

/** What is asked of every machine, whatever is wanted of it. */
const probes = {
  ...bootProbes,
  files: kernelFiles("inspection", patternsOf(Object.values(knobs).flat())),
  configuration: configurationFiles,
  masked: maskedFiles,
  pools: hugepagePools,
  latencyLimit: idleLatencyLimit,
  latencyHolders,
  swap: swapAreas,
  irqBalance: irqBalanceNow,
  systemdCpus: systemdCpusNow,
  kernelThreads: kernelThreadsNow,
  rivals: tuningServices,
  firmwareFiles,
  firmwareTables,
};

export const inspectHandler: FunctionHandler<typeof inspect> = {
  definition: inspect,
  call: async (operation, { host: reference, tuning, firmware: intent = {} }) => {
    const host = operation.host(reference);
    const { resources } = tuning;
    const names = (resources.moduleParameters ?? []).map(({ module }) => module);
    const { sysctls, ...seen } = await host.observeNow({
      ...probes,
      sysctls: sysctlValues(Object.keys(resources.sysctls?.values ?? {})),
      ...(modulesBy(names) as object),
    });
    const modules = new Map(names.map((name) => [name, (seen as Record<string, unknown>)[keyOf(name)]]));
    const rows = inspectTuning(tuning, {
      ...seen,
      sysctls,
      interrupts: interruptsIn(seen.files.get("/proc/interrupts") ?? ""),
      boot: bootConfigurationOf(seen.configuration, seen.masked),
      shown: shownBy(seen),
      modules: modules as ReadonlyMap<string, ObservedModule>,
    });
    const firmware = firmwareOf(seen.firmwareFiles, seen.firmwareTables);
    const counts = countVerdicts(rows);
    const found = {
      knobs: rows,
      firmware: inspectFirmware(intent, firmware, seen.iommus),
      machine: firmware.machine,
      rivals: [...seen.rivals],
      summary: summarize(counts),
    };
    const title = tuning.profile === undefined ? host.name : `${host.name} beside profile ${tuning.profile}`;
    return { ...found, counts, explanation: explainInspection(title, found) };
  },
};

const keyOf = (name: string) => `module ${name}`;

function modulesBy(names: readonly string[]): Readonly<Record<string, Probe<ObservedModule>>> {
  return Object.fromEntries(names.map((name) => [keyOf(name), kernelModule(name)]));
}
