import type { RuleId } from "./finding.ts";
import type { Rule } from "./rules-cpus.ts";
import * as cpus from "./rules-cpus.ts";
import * as host from "./rules-host.ts";
import * as ovs from "./rules-switch.ts";
import * as vnf from "./rules-vnf.ts";

/** Every rule that a plan is judged by. */
export const rules: Readonly<Record<RuleId, Rule>> = {
  B01: cpus.oneExclusiveRole,
  B02: cpus.housekeepingOnEveryNode,
  B03: cpus.bootCpuStays,
  B04: cpus.isolatedOrHousekeeping,
  B05: cpus.enoughHousekeeping,
  B06: cpus.everyCpuOnline,
  B07: cpus.oneOwnerPerCore,
  B08: ovs.pollModeSiblings,
  B09: ovs.pollModeOnEveryPortsNode,
  B10: vnf.chainsOnOneNode,
  B11: vnf.oneCacheWhereItFits,
  B12: vnf.oneCpuPerVcpu,
  B13: vnf.emulatorOffIsolated,
  B14: vnf.fifoOnIsolated,
  B15: vnf.oneVcpuForTheGuest,
  B16: ovs.maskIsThePlan,
  B17: ovs.mainThreadsOffBusyCpus,
  B18: ovs.queuesFindThreads,
  B19: ovs.multiqueueFindsThreads,
  B20: host.pagesAreThere,
  B21: host.memoryForTheSystem,
  B22: host.nicNodesKnown,
  B23: host.isolationIsLive,
  B24: host.nobodyElsePinned,
  B25: host.generatorElsewhere,
  B26: host.linksAtFullWidth,
  B27: vnf.cellsAreTheMemory,
  B28: vnf.cellsInWholePages,
};
