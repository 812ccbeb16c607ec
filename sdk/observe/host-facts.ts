import type { HostFacts } from "../schema/facts.ts";
import { cpusOf, cpuTopology } from "./cpus.ts";
import { hugepagePools } from "./hugepages.ts";
import { identityFiles, isEmulated, virtualization } from "./identity.ts";
import { listedCpus } from "./lscpu.ts";
import { numaNodes } from "./memory.ts";
import { nicsOf, pciFiles, pciLinks } from "./nics.ts";
import type { Observed } from "./probe.ts";
import { softwareVersions } from "./versions.ts";

/** Everything that makes up a machine's facts, for one round trip. */
export const hostFactsProbes = {
  listed: listedCpus,
  topology: cpuTopology,
  nodes: numaNodes,
  pools: hugepagePools,
  identity: identityFiles,
  virtualization,
  pciFiles,
  pciLinks,
  versions: softwareVersions,
};

export function hostFactsOf(observed: Observed<typeof hostFactsProbes>): HostFacts {
  const { listed, topology, nodes, pools, identity, versions } = observed;
  const { hostname, machineId, bootId, vendor, product, serial, uuid, bios, biosDate, os } = identity;
  const { cpuModel, microcode, ...software } = versions;
  return {
    hostname,
    identity: {
      machineId,
      bootId,
      ...defined({ vendor, product, serial, uuid, bios, biosDate, os }),
      virtualization: observed.virtualization,
      emulated: isEmulated(identity, observed.virtualization),
    },
    kernel: {
      release: identity.kernelRelease,
      version: identity.kernelVersion,
      realtime: identity.realtime,
      arguments: identity.kernelArguments,
      isolatedCpus: topology.isolated.format(),
      nohzFullCpus: topology.nohzFull.format(),
      clocksource: identity.clocksource,
    },
    cpuModel,
    ...defined({ microcode }),
    onlineCpus: topology.online.format(),
    simultaneousMultithreading: topology.simultaneousMultithreading,
    cpus: cpusOf(listed, topology),
    caches: [...topology.caches],
    numaNodes: nodes.map(({ cpus: own, distances, ...node }) => ({
      ...node,
      cpus: own.format(),
      distances: [...distances],
      hugepages: pools
        .filter(({ numaNode }) => numaNode === node.node)
        .map(({ sizeKib, total, free, surplus }) => ({
          size: sizeKib >= 2 ** 20 ? `${sizeKib / 2 ** 20}GiB` : `${sizeKib / 2 ** 10}MiB`,
          total,
          free,
          surplus,
        })),
    })),
    nics: nicsOf(observed.pciFiles, observed.pciLinks).map((nic) => ({
      ...nic,
      interfaces: [...nic.interfaces],
    })),
    versions: software,
  };
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
