import { fewManagementInterrupts } from "./evidence/few-management-interrupts.ts";
import { hypercallCost } from "./evidence/hypercall-cost.ts";
import { isolatedCpusTickless } from "./evidence/isolated-cpus-tickless.ts";
import { isolatedWhileMeasured } from "./evidence/isolated-while-measured.ts";
import { latencyBudget } from "./evidence/latency-budget.ts";
import { leasedCpusAlone } from "./evidence/leased-cpus-alone.ts";
import { linksAtFull } from "./evidence/links-at-full.ts";
import { nothingPending } from "./evidence/nothing-pending.ts";
import { pollModeHeadroom } from "./evidence/poll-mode-headroom.ts";
import { poolsGranted } from "./evidence/pools-granted.ts";
import { socketsClosed } from "./evidence/sockets-closed.ts";
import { switchInForce } from "./evidence/switch-in-force.ts";
import { switchLostNothing } from "./evidence/switch-lost-nothing.ts";
import { switchSteadyWhileMeasured } from "./evidence/switch-steady-while-measured.ts";
import { tunedInForce } from "./evidence/tuned-in-force.ts";
import { tunedWhileMeasured } from "./evidence/tuned-while-measured.ts";
import { bootArgumentsAgree } from "./intent/boot-arguments-agree.ts";
import { cacheSharesApart } from "./intent/cache-shares-apart.ts";
import { coLoadApart } from "./intent/co-load-apart.ts";
import { devicesBehindIommu } from "./intent/devices-behind-iommu.ts";
import { emulatorOutsideIsolated } from "./intent/emulator-outside-isolated.ts";
import { exclusiveCpus } from "./intent/exclusive-cpus.ts";
import { generatorApart } from "./intent/generator-apart.ts";
import { housekeepingOnEveryNode } from "./intent/housekeeping-on-every-node.ts";
import { hugepagesSufficient } from "./intent/hugepages-sufficient.ts";
import { managementUntouched } from "./intent/management-untouched.ts";
import { memoryLeftForSystem } from "./intent/memory-left-for-system.ts";
import { migratableGuest } from "./intent/migratable-guest.ts";
import { mitigationsOn } from "./intent/mitigations-on.ts";
import { noOpenListener } from "./intent/no-open-listener.ts";
import { noSecretInText } from "./intent/no-secret-in-text.ts";
import { noVhostServerPorts } from "./intent/no-vhost-server-ports.ts";
import { oneCpuPerVcpu } from "./intent/one-cpu-per-vcpu.ts";
import { oneNumaNodePerChain } from "./intent/one-numa-node-per-chain.ts";
import { oneOwnerPerCore } from "./intent/one-owner-per-core.ts";
import { oneTenantPerIommuGroup } from "./intent/one-tenant-per-iommu-group.ts";
import { realtimeGuestKeepsHouse } from "./intent/realtime-guest-keeps-house.ts";
import { realtimeGuestUndisturbed } from "./intent/realtime-guest-undisturbed.ts";
import { realtimeOnIsolated } from "./intent/realtime-on-isolated.ts";
import { realtimeSiblingIdle } from "./intent/realtime-sibling-idle.ts";
import { sharedCardChecked } from "./intent/shared-card-checked.ts";
import { sharedMemoryOneTenant } from "./intent/shared-memory-one-tenant.ts";
import { switchMemoryLimited } from "./intent/switch-memory-limited.ts";
import { switchOptionsAgree } from "./intent/switch-options-agree.ts";
import { switchSteady } from "./intent/switch-steady.ts";
import { trustedFunctionAlone } from "./intent/trusted-function-alone.ts";
import { vhostEndsMeet } from "./intent/vhost-ends-meet.ts";
import { vhostSocketsPrivate } from "./intent/vhost-sockets-private.ts";
import { vhostUserOnHugepages } from "./intent/vhost-user-on-hugepages.ts";
import { workOutsideIsolated } from "./intent/work-outside-isolated.ts";
import type { CataloguedPolicy } from "./lab-policy.ts";

/** Judge the plan, from inputs: a preview fails before anything is touched. In the order of the checks that they are. */
export const intent: CataloguedPolicy[] = [
  exclusiveCpus,
  housekeepingOnEveryNode,
  oneNumaNodePerChain,
  oneOwnerPerCore,
  realtimeSiblingIdle,
  oneCpuPerVcpu,
  emulatorOutsideIsolated,
  devicesBehindIommu,
  vhostSocketsPrivate,
  trustedFunctionAlone,
  sharedCardChecked,
  managementUntouched,
  oneTenantPerIommuGroup,
  hugepagesSufficient,
  switchMemoryLimited,
  memoryLeftForSystem,
  workOutsideIsolated,
  realtimeOnIsolated,
  mitigationsOn,
  vhostUserOnHugepages,
  vhostEndsMeet,
  noVhostServerPorts,
  switchOptionsAgree,
  switchSteady,
  realtimeGuestUndisturbed,
  cacheSharesApart,
  noOpenListener,
  sharedMemoryOneTenant,
  noSecretInText,
  migratableGuest,
  realtimeGuestKeepsHouse,
  bootArgumentsAgree,
  coLoadApart,
  generatorApart,
];

/**
 * Judge what is in force and what was measured, from outputs: after `up`, and at any time by `pulumi policy analyze`. A pack is not told whether it judges a
 * preview, where evidence that is bad should not stop the very plan that mends it; so `npm run up` has these advise before, and judge afterwards.
 */
export const evidence: CataloguedPolicy[] = [
  socketsClosed,
  poolsGranted,
  tunedInForce,
  leasedCpusAlone,
  switchInForce,
  isolatedWhileMeasured,
  isolatedCpusTickless,
  tunedWhileMeasured,
  switchSteadyWhileMeasured,
  switchLostNothing,
  pollModeHeadroom,
  fewManagementInterrupts,
  nothingPending,
  linksAtFull,
  hypercallCost,
  latencyBudget,
];
