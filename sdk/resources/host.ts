import * as pulumi from "@pulumi/pulumi";
import type { HostReference } from "../schema/connection.ts";
import type { CpuDemand } from "../schema/cpu-demand.ts";
import { type CpuPlan, planCpus as planCpusDefinition } from "../schema/cpu-plan.ts";
import { facts, getHostFacts as getHostFactsDefinition, type HostFacts } from "../schema/facts.ts";
import { hugepages } from "../schema/hugepages.ts";
import { sysctls } from "../schema/sysctls.ts";
import { resourceClass, type Wired } from "./lab-resource.ts";

/**
 * What a machine is and how it was set up: CPUs, NUMA nodes, caches, NICs, boot arguments, versions, identity. Changes nothing on the machine.
 * Taken anew when the machine has booted since, so what depends on `identity.bootId` follows.
 *
 * @throws TransportError where the machine can't be reached, HostError `parse` where it answers what nobody understands
 * @see https://docs.kernel.org/admin-guide/cputopology.html
 * @example
 * const facts = new Facts("dut-facts", { host });
 * export const cpus = facts.onlineCpus;
 */
export class Facts extends resourceClass(facts) {}

/**
 * Huge pages of one size on one NUMA node, kept at a count. Written to `nr_hugepages` of the node, so lost at a reboot and then found missing by
 * refresh. Delete writes back the count that create found, unless somebody else has changed it since.
 *
 * @property numaNode 0 up; a change makes another pool
 * @property size `"2MiB"` or `"1GiB"`; a change makes another pool
 * @property count pages, 0 up; the kernel grants what it can
 * @throws VerificationError `partial-allocation` where the kernel granted fewer; state then holds what it granted
 * @see https://docs.kernel.org/admin-guide/mm/hugetlbpage.html
 * @example
 * const pool = new Hugepages("dut-node0", { host, numaNode: 0, size: "2MiB", count: 384 });
 */
export class Hugepages extends resourceClass(hugepages) {}

/**
 * Kernel parameters under /proc/sys, set now and at every boot. The keys that are given are owned, no others. Delete writes back each value that
 * create found, unless somebody else has changed it since, and removes the file.
 *
 * @property name of the set: its file is `/etc/sysctl.d/90-nfvlab-NAME.conf`; a change makes another set
 * @property values by key as sysctl(8) names it: whole numbers or texts of one line
 * @throws InputError `sysctl-refused` for keys that another resource sets better, HostError `sysctl-unknown`, VerificationError `sysctl-not-taken`
 * @see https://docs.kernel.org/admin-guide/sysctl/index.html
 * @example
 * new Sysctls("dut-quiet", { host, name: "quiet", values: { "kernel.numa_balancing": 0, "vm.stat_interval": 10 } });
 */
export class Sysctls extends resourceClass(sysctls) {}

/**
 * Facts of a machine as they are now, in one round trip; changes nothing.
 *
 * @example
 * const { numaNodes } = await getHostFacts({ host: { name: "here", connection: { kind: "local" } } });
 */
export function getHostFacts(
  args: { readonly host: HostReference },
  options?: pulumi.InvokeOptions,
): Promise<HostFacts> {
  return pulumi.runtime.invoke(getHostFactsDefinition.token, args, options ?? {});
}

/** Like {@link getHostFacts}, for a machine whose connection is an output. */
export function getHostFactsOutput(
  args: { readonly host: Wired<HostReference> },
  options?: pulumi.InvokeOptions,
): pulumi.Output<HostFacts> {
  return pulumi.runtime.invokeOutput<HostFacts>(getHostFactsDefinition.token, args, options ?? {});
}

/**
 * Plans which CPU does what from a machine's facts and a list of demands, by 28 rules: whole physical cores for everything that must not be
 * disturbed, chains on one NUMA node, guests behind one last-level cache, huge pages for guests and switch. Asks no machine and changes nothing.
 *
 * @throws InputError `cpu-plan` that names everything that is wrong, each with its rule
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
 * @example
 * const facts = await getHostFacts({ host: { name: "here", connection: { kind: "local" } } });
 * const plan = await planCpus({ facts, demand: { vnfs: { l2fwd: { vcpus: 3, memory: "4GiB", pageSize: "1GiB" } } } });
 * export const { isolated, explanation } = plan;
 */
export function planCpus(
  args: { readonly facts: HostFacts; readonly demand: CpuDemand },
  options?: pulumi.InvokeOptions,
): Promise<CpuPlan> {
  return pulumi.runtime.invoke(planCpusDefinition.token, args, options ?? {});
}

/** Like {@link planCpus}, for a machine whose facts are outputs. */
export function planCpusOutput(
  args: { readonly facts: Wired<HostFacts>; readonly demand: Wired<CpuDemand> },
  options?: pulumi.InvokeOptions,
): pulumi.Output<CpuPlan> {
  return pulumi.runtime.invokeOutput<CpuPlan>(planCpusDefinition.token, args, options ?? {});
}
