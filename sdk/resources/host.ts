import * as pulumi from "@pulumi/pulumi";
import { bootArguments } from "../schema/boot-arguments.ts";
import { cacheAllocation } from "../schema/cache-allocation.ts";
import type { HostReference } from "../schema/connection.ts";
import type { CpuDemand } from "../schema/cpu-demand.ts";
import { cpuFrequency } from "../schema/cpu-frequency.ts";
import { cpuIdle } from "../schema/cpu-idle.ts";
import { type CpuPlan, planCpus as planCpusDefinition } from "../schema/cpu-plan.ts";
import { facts, getHostFacts as getHostFactsDefinition, type HostFacts } from "../schema/facts.ts";
import { hugepages } from "../schema/hugepages.ts";
import {
  type FirmwareIntent,
  type InspectedTuning,
  type Inspection,
  inspect as inspectDefinition,
} from "../schema/inspection.ts";
import { irqAffinity } from "../schema/irq-affinity.ts";
import { irqBalance } from "../schema/irq-balance.ts";
import { kernelThreads } from "../schema/kernel-threads.ts";
import {
  getLeases as getLeasesDefinition,
  type HostLeases,
  type LeaseParts,
  lease,
} from "../schema/lease.ts";
import { machineChecks } from "../schema/machine-checks.ts";
import { memoryManagement } from "../schema/memory-management.ts";
import { moduleParameters } from "../schema/module-parameters.ts";
import { packages } from "../schema/packages.ts";
import {
  getPathCapabilities as getPathCapabilitiesDefinition,
  type PathCapabilities,
} from "../schema/path-capabilities.ts";
import { realtimeKernel } from "../schema/realtime-kernel.ts";
import { reboot } from "../schema/reboot.ts";
import { swap } from "../schema/swap.ts";
import { sysctls } from "../schema/sysctls.ts";
import { systemdCpus } from "../schema/systemd-cpus.ts";
import { tunedProfile } from "../schema/tuned-profile.ts";
import {
  planTuning as planTuningDefinition,
  type TuningOverrides,
  type TuningPlan,
  type TuningSource,
} from "../schema/tuning-plan.ts";
import { workqueues } from "../schema/workqueues.ts";
import type { CpuList } from "../units/cpuset.ts";
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
 * @property triggers a change of which has the count written again: the `bootId` of a {@link Reboot}
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
 * Arguments of the kernel's command line: a file of our own that keeps them, and an entry of the boot loader that has them, beside the entries that are there. Nothing counts before the machine boots by that entry, which is a {@link Reboot}'s work; until then the arguments are `pending`. Whether
 * one is in force is told by its own trace in the running kernel, not by the command line alone. Delete takes file and entry away, and leaves
 * what the loader reads byte by byte as create found it.
 *
 * | loader | the set | the entry | once, for good |
 * |---|---|---|---|
 * | GRUB of Debian and Ubuntu | `/etc/default/grub.d/90-nfvlab-NAME.cfg` | in the menu, by `/etc/grub.d/42_nfvlab` | grub-reboot, grub-set-default |
 * | GRUB of RHEL 8 and later, Fedora | `/etc/nfvlab/boot/NAME.cfg` | `/boot/loader/entries/nfvlab-ID.conf` | grub2-reboot, grub2-set-default |
 * | systemd-boot, its bootctl with `--json` | `/etc/nfvlab/boot/NAME.cfg` | `$BOOT/loader/entries/nfvlab-ID.conf` | bootctl set-oneshot, set-default |
 *
 * An entry with a file of its own is the machine's default with the arguments behind its own: it keeps to that kernel, and goes with it
 * (`/etc/kernel/install.d/95-nfvlab.install`). A newer kernel that is made the default shows as not `configured`, and is tried anew by the next update. GRUB has to be
 * able to write: /boot on a plain partition, without LVM, RAID, btrfs or ZFS. Unified kernel images and OSTree are refused by name. The way of RHEL was tried on
 * layouts after its manuals, never on such a machine; that of systemd-boot on a virtual one with UEFI, but for its delete.
 *
 * @property name of the set, and of its file; a change makes another set
 * @property arguments by the kernel's names in camel case; what has no field goes by its own name into `extra`, which is checked for slips of the hand
 * @property rebootOnDelete `"allow"` where delete may reboot; default deny, with a warning that a reboot is pending
 * @throws InputError `boot-arguments` that names everything that is wrong, HostError `boot-loader`, VerificationError `boot-entry`
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html
 * @example
 * const boot = new BootArguments("dut-boot", {
 *   host, name: "nfv",
 *   arguments: { isolcpus: { cpus: "2-7", flags: ["managed_irq", "domain"] }, nohzFull: "2-7", rcuNocbs: "2-7", skewTick: true },
 * });
 * export const { pending } = boot;
 */
export class BootArguments extends resourceClass(bootArguments) {}

/**
 * A kernel with PREEMPT_RT beside the one that is there, and the menu entry of the machine's next boot, in which its boot arguments stand as well. Installs by apt what is missing, and nothing
 * reboots by itself: a {@link Reboot} boots the entry once, and makes it the default when the machine came up by it. Delete gives the machine its default back, GRUB's files byte by byte, and
 * removes the packages that create brought; where that kernel runs then, it warns that a reboot is pending.
 *
 * @property package default `linux-image-rt-amd64` or what Debian has for the architecture; Ubuntu's needs a subscription, and RHEL's is not installed from here
 * @property rebootOnDelete `allow` where delete may reboot out of the kernel before its modules go
 * @throws HostError `realtime-kernel`, `boot-loader`, `packages-unknown`, `packages-disturb`, VerificationError `boot-entry`
 * @see https://docs.kernel.org/core-api/real-time/index.html
 * @example
 * const kernel = new RealtimeKernel("dut-kernel", { host });
 * const boot = new BootArguments("dut-boot", { host, name: "nfv", arguments: { skewTick: true } });
 * const { bootId } = new Reboot("dut-reboot", { host, allow: true, triggers: [kernel.kernel, boot.arguments] });
 */
export class RealtimeKernel extends resourceClass(realtimeKernel) {}

/**
 * A reboot, where boot arguments or a kernel wait for one and nowhere else. Their menu entry is booted once; it becomes the default after the machine is back with
 * a new boot id, the kernel that was chosen and every argument in force. If it does not come up, the next start is by the entry before: by itself after a panic, else by a power
 * cycle. Delete does nothing.
 *
 * @property allow `true`: the machine may be taken away for minutes, with all that runs on it
 * @property triggers a change of which reboots where something is pending: the `arguments` of {@link BootArguments}, the `kernel` of {@link RealtimeKernel}, so that preview shows it
 * @property bootTimeout until SSH answers again, 1 s to 1 h, default 600s
 * @throws HostError `foreign-guests`, `reboot-local`, `boot-timeout`, `boot-rolled-back`, VerificationError `boot-arguments-pending`
 * @see https://www.gnu.org/software/grub/manual/grub/html_node/Invoking-grub_002dreboot.html
 * @see https://systemd.io/BOOT_LOADER_INTERFACE/
 * @example
 * const boot = new BootArguments("dut-boot", { host, name: "ticks", arguments: { skewTick: true, nosoftlockup: true } });
 * const { bootId } = new Reboot("dut-reboot", { host, allow: true, triggers: [boot.arguments], reason: "ticks apart" });
 */
export class Reboot extends resourceClass(reboot) {}

/**
 * How fast CPUs run: governor, energy preference, bounds and turbo, now and at every boot. Delete writes back what create found, unless somebody
 * else has changed it since.
 *
 * @property name of the set of CPUs: its file is `/etc/tmpfiles.d/90-nfvlab-cpu-frequency-NAME.conf`; a change makes another set
 * @property cpus that all but turbo is set on
 * @property governor `performance`, `powersave`, `schedutil`, `ondemand`, `conservative` or `userspace`; which of them there are depends on the driver
 * @property energyPerformancePreference EPP, by name
 * @property energyPerfBias EPB, 0 (performance) to 15 (power)
 * @property minFrequencyKhz kHz
 * @property maxFrequencyKhz kHz
 * @property turbo of the whole host
 * @throws HostError `knob-missing` before anything is written, VerificationError `knob-not-taken`
 * @see https://docs.kernel.org/admin-guide/pm/cpufreq.html
 * @example
 * new CpuFrequency("dut-steady", { host, name: "isolated", cpus: "2-15", governor: "performance", turbo: false });
 */
export class CpuFrequency extends resourceClass(cpuFrequency) {}

/**
 * How deep CPUs sleep: a bound on their wake-up time, by CPU or for the host, and idle states that are switched off. The bound of the host is held by a
 * service of our own, `nfvlab-dma-latency-NAME`, as long as the resource lives. Delete writes back what create found, unless somebody else has changed it since.
 *
 * @property name of the set of CPUs: its file is `/etc/tmpfiles.d/90-nfvlab-cpu-idle-NAME.conf`; a change makes another set
 * @property cpus that resumeLatency and disabledStates are set on
 * @property resumeLatency whole µs; `"0us"` keeps a CPU from sleeping at all, `"unlimited"` is the kernel's default
 * @property disabledStates names as cpuidle has them, `C6`
 * @property dmaLatency whole µs, of the whole host; a smaller one that another service holds goes first
 * @throws HostError `knob-missing`, `dma-latency-missing`, VerificationError `knob-not-taken`, `dma-latency-not-held`
 * @see https://docs.kernel.org/admin-guide/pm/cpuidle.html
 * @example
 * new CpuIdle("dut-awake", { host, name: "isolated", cpus: "2-15", resumeLatency: "0us", dmaLatency: "20us" });
 */
export class CpuIdle extends resourceClass(cpuIdle) {}

/**
 * CPUs that do the kernel's deferred work, now and at every boot. Delete writes back what create found, unless somebody else has changed it since.
 *
 * @property cpus of all workqueues that are bound to no CPU
 * @property writebackCpus that write dirty pages to disks
 * @throws InputError `cpu-unknown`, HostError `knob-missing`, VerificationError `knob-not-taken`
 * @see https://docs.kernel.org/core-api/workqueue.html
 * @example
 * new Workqueues("dut-work", { host, cpus: "0-1", writebackCpus: "0-1" });
 */
export class Workqueues extends resourceClass(workqueues) {}

/**
 * What the kernel does with memory on its own, now and at every boot: transparent huge pages, compaction for them, same-page merging. Delete writes back what
 * create found, unless somebody else has changed it since.
 *
 * @property transparentHugepages `always`, `madvise` or `never`
 * @property defrag `always`, `defer`, `defer+madvise`, `madvise` or `never`
 * @property khugepagedDefrag whether khugepaged compacts
 * @property ksm whether equal pages are merged; false takes merged ones apart
 * @throws HostError `knob-missing`, VerificationError `knob-not-taken`
 * @see https://docs.kernel.org/admin-guide/mm/transhuge.html
 * @example
 * new MemoryManagement("dut-memory", { host, transparentHugepages: "never", ksm: false });
 */
export class MemoryManagement extends resourceClass(memoryManagement) {}

/**
 * Machine checks of memory errors that the hardware has corrected: with `ignoreCorrected` the kernel neither polls every CPU for them nor takes their interrupts. Nobody counts them
 * then, so a module that is going bad shows late; uncorrected errors are handled as before. For all CPUs at once. Delete writes back what create found.
 *
 * @property ignoreCorrected `true` for no polling and no interrupts
 * @throws HostError `knob-missing`, `knob-elsewhere`, `knob-owned`, VerificationError `knob-not-taken`
 * @see https://docs.kernel.org/arch/x86/x86_64/machinecheck.html
 * @example
 * new MachineChecks("dut-machine-checks", { host, ignoreCorrected: true });
 */
export class MachineChecks extends resourceClass(machineChecks) {}

/**
 * No swap for as long as the stack lives: devices, files and zram off, and by a drop-in for all units of type swap none that a boot or anything else turns on, of whichever file
 * or generator. What somebody turns on by hand is found by a refresh, and goes off. Refused where memory has no room for what is out. Delete takes the drop-in away and turns on what
 * create found on, with its priority; what is gone or masked since is named in a warning.
 *
 * @throws HostError `systemd-missing`, `systemd-old`, `swap-memory`, VerificationError `swap-on`, `swap-at-boot`
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.swap.html
 * @example
 * const swap = new Swap("dut-swap", { host });
 * export const wasOn = swap.found;
 */
export class Swap extends resourceClass(swap) {}

/**
 * Parameters of a kernel module: for its next load by a file in /etc/modprobe.d, and at once where the running kernel takes a write. The others are `pending`; no
 * module is ever reloaded. Delete writes back what create found, unless somebody else has changed it since, and removes the file.
 *
 * @property module its file is `/etc/modprobe.d/90-nfvlab-MODULE.conf`; a change makes another file
 * @property parameters by name as `modinfo -p` has them: booleans, whole numbers, texts
 * @throws HostError `module-unknown`, `module-built-in`, `module-parameter-unknown`, VerificationError `module-parameter-not-taken`
 * @see https://docs.kernel.org/virt/kvm/halt-polling.html
 * @example
 * const kvm = new ModuleParameters("dut-kvm", { host, module: "kvm", parameters: { halt_poll_ns: 0, nx_huge_pages: false } });
 * export const pending = kvm.pending;
 */
export class ModuleParameters extends resourceClass(moduleParameters) {}

/**
 * CPUs that serve device interrupts, now and at every boot. What can't be moved is recorded in `unmovable`. Delete writes back what create found, unless somebody
 * else has changed it since.
 *
 * @property defaultCpus of interrupts that come up later
 * @property cpus that no device interrupt leaves; one that is within them stays where it is
 * @throws InputError `cpu-unknown`, HostError `knob-missing`, VerificationError `knob-not-taken`
 * @see https://docs.kernel.org/core-api/irq/irq-affinity.html
 * @example
 * new IrqAffinity("dut-interrupts", { host, defaultCpus: "0-1", cpus: "0-1" });
 */
export class IrqAffinity extends resourceClass(irqAffinity) {}

/**
 * CPUs that irqbalance moves no interrupt to: lines of our own at the end of its file, which count from its next start. Does nothing, and says so, where
 * irqbalance is not installed. Delete takes the lines out; the file is then as it was, byte by byte.
 *
 * @property bannedCpus take the place of those that irqbalance keeps off by itself, isolcpus= and nohz_full=
 * @property restart `"allow"` where a running irqbalance may be restarted; default deny, and what is configured is then `pending`
 * @throws InputError `cpu-unknown`, HostError `irqbalance-file`, VerificationError `irqbalance-not-taken`
 * @see https://github.com/Irqbalance/irqbalance
 * @example
 * const balance = new IrqBalance("dut-irqbalance", { host, bannedCpus: "2-15", restart: "allow" });
 * export const { presence, effective } = balance;
 */
export class IrqBalance extends resourceClass(irqBalance) {}

/**
 * CPUs of what systemd starts: those that services begin with, and those that its slices are kept to, by drop-ins. In force at once but for services that run:
 * they are `pending` until they start anew, and nothing is restarted. Delete removes the drop-ins and gives systemd back the CPUs that create found.
 *
 * @property cpuAffinity of the service manager, so of every service whose unit names none
 * @property allowedCpus of `system`, `user` and `machine`; the last has to include the isolated CPUs, or no guest can be pinned to them
 * @throws InputError `cpu-unknown`, `machine-slice`, HostError `systemd-missing`, `cgroups`, VerificationError `systemd-cpus-not-taken`
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html
 * @example
 * const services = new SystemdCpus("dut-services", { host, cpuAffinity: "0-1", allowedCpus: { system: "0-1", machine: "0-15" } });
 * export const runsElsewhere = services.pending;
 */
export class SystemdCpus extends resourceClass(systemdCpus) {}

/**
 * How the kernel's own threads are scheduled and where they run, now and at every boot by a oneshot service. Delete gives each thread, by its name, what create found, unless
 * somebody else has changed it since.
 *
 * @property threads by name: `ksoftirqd` is that of every CPU, `ksoftirqd/2` that of one; `policy` and `priority` as chrt(1) has them, `cpus` as taskset(1)
 * @throws InputError `cpu-unknown`, HostError `kernel-thread-missing`, VerificationError `kernel-threads-not-taken`
 * @see https://man7.org/linux/man-pages/man7/sched.7.html
 * @example
 * const threads = new KernelThreads("dut-threads", {
 *   host, threads: { ksoftirqd: { policy: "fifo", priority: 2 }, rcu_preempt: { cpus: "0-1" } },
 * });
 * export const bound = threads.unmovable;
 */
export class KernelThreads extends resourceClass(kernelThreads) {}

/**
 * A share of the caches and of memory bandwidth for some CPUs: a group of resctrl (Intel RDT, AMD QoS). Lost at a reboot, and made again by the next update that sees it gone. Delete removes the
 * group and gives its CPUs back to where they were, unless somebody else has changed it since.
 *
 * @property name of the group: its folder is `/sys/fs/resctrl/nfvlab-NAME`; a change makes another group
 * @property cpus not those of guests that libvirt's cachetune is for
 * @property schemata `L3` and `L2`: masks of ways by cache, hexadecimal; `MB`: percent of memory bandwidth by cache
 * @throws InputError `cache-share` that names everything that is wrong, HostError `resctrl-missing`, `cache-groups`, `cache-group`, VerificationError `cache-share-not-taken`
 * @see https://docs.kernel.org/filesystems/resctrl.html
 * @example
 * new CacheAllocation("dut-l3", { host, name: "vnf", cpus: "2-7", schemata: { L3: { 0: "ff0" }, MB: { 0: 80 } } });
 */
export class CacheAllocation extends resourceClass(cacheAllocation) {}

/**
 * A profile of the TuneD daemon in force, with its variables: the machine is tuned by TuneD then, and not by resources of single knobs or by a plan of
 * `planTuning`, which would undo each other's work. Starts and enables tuned.service; refresh asks TuneD whether the machine is as the profile says. Delete
 * selects what was active before, and puts tuned.service and the files that TuneD changes back, unless somebody else has changed them since.
 *
 * @property profile as `tuned-adm list` names it
 * @property variables by name, in `/etc/tuned/PROFILE-variables.conf`; others stay as that file has them
 * @property definition text of tuned.conf, for a profile of the program's own
 * @throws HostError `tuned-missing`, `tuned-profile-unknown`, `tuned-variables`, VerificationError `tuned-not-taken`
 * @see https://tuned-project.org/docs/manual
 * @example
 * const profile = new TunedProfile("dut-tuned", { host, profile: "cpu-partitioning", variables: { isolated_cores: "2-15" } });
 * export const nextBoot = profile.pendingArguments;
 */
export class TunedProfile extends resourceClass(tunedProfile) {}

/**
 * Software of a Debian or Ubuntu machine, by apt from the sources that it has. Only adds: what could be had by removing, upgrading or downgrading a package alone
 * is refused. Services that come along are not started. Delete removes what came, dependencies included, unless something else needs it by now. Where the state was lost,
 * packages stay.
 *
 * @property packages version by name; `any` takes what is installed, else the newest that the sources have
 * @throws HostError `packages-apt`, `packages-unknown`, `packages-disturb`, VerificationError `packages-not-installed`
 * @see https://manpages.debian.org/apt-get
 * @example
 * const tools = new Packages("dut-tools", { host, name: "measuring", packages: { "rt-tests": "any", "stress-ng": "any" } });
 * export const versions = tools.installed;
 */
export class Packages extends resourceClass(packages) {}

/**
 * Parts of a machine for this stack alone: CPUs, pools of huge pages, virtual functions, ways of a last-level cache. Granted on the machine under a lock, against every other
 * lease there, whole or not at all, and renewed by a small service of our own, `nfvlab-lease-ID`, with no program running anywhere and over boots too. What is to be touched only
 * by their owner depends on it. A lease whose service was killed is shown by refresh as `held: false`; once its term is over as well, the first stack that wants a part takes
 * it over, with a warning that says from whom. Delete removes service and lease, and leaves alone what others have leased since.
 *
 * @property parts at least one; a change is granted whole, or the lease stays as it is
 * @property term how long the lease lives without its service, 3s to 24h, default 10min
 * @throws HostError `locked` that names all that others have, whose it is, since when and until when; `systemd-missing`, `ledger-unreadable`, InputError `cpu-unknown`
 * @see https://man7.org/linux/man-pages/man1/flock.1.html
 * @example
 * const lease = new Lease("dut-lease", { host, parts: { cpus: "8-15", hugepages: [{ numaNode: 1, size: "1GiB" }] } });
 * new Hugepages("dut-node1", { host, numaNode: 1, size: "1GiB", count: 8 }, { dependsOn: lease });
 */
export class Lease extends resourceClass(lease) {}

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
 * Which packet paths a machine can carry as it is now, and what the others lack; changes nothing, loads nothing. `text` is a table for people.
 *
 * `vdpa` asks for a device that the kernel's vDPA bus has. `vmfunc` is never more than possible: hardware has had EPTP switching since Haswell, but KVM gives it to no guest of its own.
 *
 * @throws HostError `parse`
 * @see https://docs.kernel.org/virt/kvm/x86/nested-vmx.html, vdpa-dev(8), Intel SDM volume 3, section VM functions
 * @example
 * const { paths } = await getPathCapabilities({ host: { name: "here", connection: { kind: "local" } } });
 * export const missing = paths.filter(({ state }) => state === "missing").map(({ path }) => path);
 */
export function getPathCapabilities(
  args: { readonly host: HostReference },
  options?: pulumi.InvokeOptions,
): Promise<PathCapabilities> {
  return pulumi.runtime.invoke(getPathCapabilitiesDefinition.token, args, options ?? {});
}

/** Like {@link getPathCapabilities}, for a machine whose connection is an output. */
export function getPathCapabilitiesOutput(
  args: { readonly host: Wired<HostReference> },
  options?: pulumi.InvokeOptions,
): pulumi.Output<PathCapabilities> {
  return pulumi.runtime.invokeOutput<PathCapabilities>(
    getPathCapabilitiesDefinition.token,
    args,
    options ?? {},
  );
}

/**
 * Who has leased what of a machine, as it is now; changes nothing. `text` is for people, a sentence a lease.
 *
 * With `wanted`, parts that the program goes on to lease, it refuses where another stack has one of them: so a preview says so already, which asks no machine by itself.
 *
 * @throws HostError `ledger-unreadable`, `locked` that names everything which others have, and who they are
 * @example
 * const { text } = await getLeases({ host: { name: "here", connection: { kind: "local" } }, wanted: { cpus: "2-3" } });
 */
export function getLeases(
  args: { readonly host: HostReference; readonly wanted?: LeaseParts },
  options?: pulumi.InvokeOptions,
): Promise<HostLeases> {
  return pulumi.runtime.invoke(getLeasesDefinition.token, leaseInputs(args), options ?? {});
}

/** Like {@link getLeases}, for a machine whose connection is an output. */
export function getLeasesOutput(
  args: { readonly host: Wired<HostReference>; readonly wanted?: LeaseParts },
  options?: pulumi.InvokeOptions,
): pulumi.Output<HostLeases> {
  return pulumi.runtime.invokeOutput<HostLeases>(getLeasesDefinition.token, leaseInputs(args), options ?? {});
}

function leaseInputs<A extends { readonly wanted?: LeaseParts }>(args: A) {
  return args.wanted === undefined
    ? args
    : { ...args, project: pulumi.getProject(), stack: pulumi.getStack() };
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

export interface PlanTuningArgs {
  /** The machine that is tuned; of `realtimeGuest` the one whose kernel the guest boots, or the guest. */
  readonly host: HostReference;
  /**
   * `nfv` for poll-mode switches and guests on an ordinary kernel, `realtime` for guests with deadlines on a real-time kernel, `realtimeGuest` for such a guest
   * itself; or what a lab has: a profile of tuned's with the texts of all that it includes, a PerformanceProfile v2 as YAML.
   */
  readonly profile: TuningSource;
  /** Two lists or a whole plan of {@link planCpus}; a guest's own CPUs for `realtimeGuest`. May be left out where the profile comes from a file. */
  readonly cpus?: {
    /** CPUs of the system, CPU 0 among them. */
    readonly housekeeping: CpuList;
    /** CPUs that nothing but measured threads run on. */
    readonly isolated: CpuList;
  };
  /** Other values than the profile's, by section and name; null takes a setting out. */
  readonly overrides?: TuningOverrides;
}

/**
 * Plans how a machine is tuned: looks at it in one round trip, changes nothing, and gives a profile as arguments of resources, only of what the machine has.
 * Every setting has its source and its reason; what is not set is named with the reason. The same before and after the plan is in force. TunedHost takes the
 * plan as it is.
 *
 * @throws InputError `tuning-plan` that names everything that is wrong
 * @see https://docs.kernel.org/admin-guide/kernel-per-CPU-kthreads.html
 * @example
 * const cpus = { housekeeping: "0-1", isolated: "2-15" };
 * const tuning = await planTuning({ host: { name: "here", connection: { kind: "local" } }, profile: "nfv", cpus, overrides: { processor: { turbo: true } } });
 * export const { explanation, unapplied } = tuning;
 */
export function planTuning(args: PlanTuningArgs, options?: pulumi.InvokeOptions): Promise<TuningPlan> {
  return pulumi.runtime.invoke(planTuningDefinition.token, tuningInputs(args), options ?? {});
}

/** Like {@link planTuning}, for a machine whose connection is an output: to read, or for a guest's `bootLine`. A TunedHost takes a plan that is known. */
export function planTuningOutput(
  args: Omit<PlanTuningArgs, "host"> & { readonly host: Wired<HostReference> },
  options?: pulumi.InvokeOptions,
): pulumi.Output<TuningPlan> {
  return pulumi.runtime.invokeOutput<TuningPlan>(
    planTuningDefinition.token,
    tuningInputs(args),
    options ?? {},
  );
}

export interface InspectArgs {
  /** The machine that is looked at. Root sees more than others do: without it some settings are not verifiable. */
  readonly host: HostReference;
  /** What it is compared with: a plan of {@link planTuning} as it is, or `{ resources }` with the arguments of a few resources. */
  readonly tuning: InspectedTuning | TuningPlan;
  /** How the firmware is meant to be set up. Default: nothing is asked of it. */
  readonly firmware?: FirmwareIntent;
}

/**
 * Compares a machine with a tuning plan: of every setting what is wanted, what is in force by its own place in the running kernel, what files and boot menu bring
 * at the next boot, and a verdict. Reads in one round trip, and changes nothing. `explanation` is the whole of it as a table.
 *
 * @throws TransportError where the machine can't be reached
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html
 * @example
 * const found = await inspect({
 *   host: { name: "here", connection: { kind: "local" } },
 *   tuning: { resources: { sysctls: { values: { "kernel.numa_balancing": 0 } }, memoryManagement: { transparentHugepages: "never" } } },
 *   firmware: { simultaneousMultithreading: false, iommu: true },
 * });
 * export const { summary, explanation } = found;
 */
export function inspect(args: InspectArgs, options?: pulumi.InvokeOptions): Promise<Inspection> {
  return pulumi.runtime.invoke(inspectDefinition.token, args, options ?? {});
}

/** Like {@link inspect}, for a machine whose connection is an output. */
export function inspectOutput(
  args: {
    readonly host: Wired<HostReference>;
    readonly tuning: pulumi.Input<InspectedTuning | TuningPlan>;
    readonly firmware?: FirmwareIntent;
  },
  options?: pulumi.InvokeOutputOptions,
): pulumi.Output<Inspection> {
  return pulumi.runtime.invokeOutput<Inspection>(inspectDefinition.token, args, options ?? {});
}

/** A plan of planCpus has more than the two lists. */
function tuningInputs<H>({ cpus, ...others }: Omit<PlanTuningArgs, "host"> & { readonly host: H }) {
  const lists = cpus && { cpus: { housekeeping: cpus.housekeeping, isolated: cpus.isolated } };
  return { ...others, ...lists };
}
