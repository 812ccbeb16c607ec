import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, name, wholeNumber } from "./fields.ts";
import { PageSize } from "./hugepages.ts";

/** What an argument on the boot line may be made of: no white space, no quote, nothing that GRUB or a shell would read as its own. */
const PLAIN = /^[A-Za-z0-9_.,:=@/+%^~*!-]{1,512}$/;
const PLAIN_EXPECTED = "letters, digits and _ . , : = @ / + % ^ ~ * ! - without spaces or quotes";

const said = (expected: string) => ({
  error: ({ input }: { input?: unknown }) => `observed ${JSON.stringify(input)}, expected ${expected}`,
});

const cpus = (description: string) => cpuList(description, { change: "reboot" }).optional();
const toggle = (description: string) => z.boolean().optional().meta({ description, change: "reboot" });
const flag = (description: string) => z.literal(true).optional().meta({ description, change: "reboot" });
const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values).optional().meta({ description, change: "reboot" });

const plain = z.string(said(PLAIN_EXPECTED)).regex(PLAIN, said(PLAIN_EXPECTED));
const freeValue = z.union([z.literal(true), z.number().int(), plain, z.array(plain).min(1)], {
  error: ({ input }) =>
    `observed ${JSON.stringify(input)}, expected true for a flag, a whole number, a text of ${PLAIN_EXPECTED}, or a list of such texts`,
});
const freeForm = (description: string) =>
  z
    .record(
      z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, said("a name of letters, digits and _ . -")),
      freeValue,
    )
    .optional()
    .meta({ description, change: "reboot" });

/** Huge pages that the kernel takes while it boots, before memory is in pieces. */
export const BootHugepages = z.strictObject({
  size: PageSize.meta({ description: "Size of one page (hugepagesz)." }),
  count: z
    .union([
      wholeNumber("Pages, spread evenly over the nodes.", { min: 1, max: 2 ** 31 }),
      z.record(
        z.string().regex(/^\d{1,4}$/, "expected the number of a NUMA node"),
        wholeNumber("Pages on this node.", { max: 2 ** 31 }),
      ),
    ])
    .meta({
      description:
        "Pages in all, spread evenly over the nodes, or pages by NUMA node, `{ 0: 4, 1: 2 }` (from Linux 5.17).",
    }),
});
export type BootHugepages = z.infer<typeof BootHugepages>;

export const Isolcpus = z.strictObject({
  cpus: cpuList("CPUs taken out of the scheduler's load balancing.", { change: "reboot" }),
  flags: z
    .array(z.enum(["domain", "nohz", "managed_irq"]))
    .min(1)
    .optional()
    .meta({
      description:
        "What the CPUs are isolated from: `domain` the load balancer, `nohz` the tick, `managed_irq` managed interrupts where a queue's mask " +
        "allows it. Default domain; other flags without domain are refused, since they leave nothing isolated.",
      change: "reboot",
    }),
});

/**
 * Arguments of the kernel, named as the kernel names them, in camel case. A flag is `true` or left out; what the kernel writes as 0 and 1, off and
 * on, or disable and enable is a boolean.
 */
export const BootArgumentSet = z.strictObject({
  isolcpus: Isolcpus.optional().meta({
    description:
      "isolcpus: CPUs out of the load balancer. A task that may run on several of them stays on one. Read back from " +
      "/sys/devices/system/cpu/isolated. Source: kernel-parameters; tuned realtime.",
    change: "reboot",
  }),
  nohzFull: cpus(
    "nohz_full: CPUs without a tick while one task runs, and the kernel's housekeeping kept off them. Read back from " +
      "/sys/devices/system/cpu/nohz_full. Source: kernel-parameters; tuned cpu-partitioning.",
  ),
  rcuNocbs: cpus(
    "rcu_nocbs: CPUs whose RCU callbacks run in rcuo threads, which belong on housekeeping CPUs. Read back from the kernel's log. Source: " +
      "kernel-parameters; tuned cpu-partitioning.",
  ),
  rcuNocbPoll: flag(
    "rcu_nocb_poll: rcuo threads poll instead of being woken by the isolated CPUs; keeps a housekeeping CPU busy. Read back from the kernel's " +
      "log. Source: kernel-parameters.",
  ),
  irqaffinity: cpus(
    "irqaffinity: CPUs that new interrupts go to; the kernel adds the boot CPU. Managed interrupts and irqbalance don't heed it. Read back from " +
      "/proc/irq/default_smp_affinity. Source: kernel-parameters; tuned realtime-virtual-host.",
  ),
  kthreadCpus: cpus(
    "kthread_cpus: CPUs of kernel threads. Not in mainline: other kernels report it as unknown. Source: kernels of Wind River, Intel and Ubuntu " +
      "real-time.",
  ),
  defaultHugepagesz: PageSize.optional().meta({
    description:
      "default_hugepagesz: size of the pages that nobody named a size for. Read back from /proc/meminfo. Source: kernel-parameters; OVS dpdk.",
    change: "reboot",
  }),
  hugepages: z.array(BootHugepages).min(1).optional().meta({
    description:
      "hugepagesz and hugepages: pools by page size, each size once. Read back per node. Source: kernel-parameters; OVS dpdk.",
    change: "reboot",
  }),
  transparentHugepage: choice(
    ["always", "madvise", "never"],
    "transparent_hugepage: never keeps khugepaged from compacting memory. Read back from /sys/kernel/mm/transparent_hugepage/enabled. Source: " +
      "kernel-parameters; tuned network-latency.",
  ),
  numaBalancing: toggle(
    "numa_balancing: false for no faults that sample where memory is used. Read back from /proc/sys/kernel/numa_balancing. Source: " +
      "kernel-parameters; tuned network-latency.",
  ),
  intelIommu: choice(
    ["on", "off"],
    "intel_iommu: on for VFIO on Intel; counts only with VT-d on in the firmware. Read back from /sys/class/iommu. Source: kernel-parameters; OVS " +
      "dpdk.",
  ),
  amdIommu: choice(
    ["off", "force_enable", "force_isolation", "pgtbl_v1", "pgtbl_v2"],
    "amd_iommu: AMD's IOMMU is on without it. Read back from /sys/class/iommu. Source: kernel-parameters.",
  ),
  iommu: choice(
    ["pt", "nopt", "off", "force"],
    "iommu: pt lets the host's own devices pass the IOMMU by, while those of VFIO stay behind it. Read back from the types of the groups. Source: " +
      "kernel-parameters.",
  ),
  intelPstate: choice(
    ["disable", "passive", "active", "no_hwp"],
    "intel_pstate: driver of Intel's frequencies. disable falls to acpi-cpufreq. Read back from /sys/devices/system/cpu/intel_pstate/status. " +
      "Source: kernel-parameters; tuned realtime.",
  ),
  amdPstate: choice(
    ["disable", "passive", "active", "guided"],
    "amd_pstate: driver of AMD's frequencies. Read back from /sys/devices/system/cpu/amd_pstate/status. Source: kernel-parameters; tuned realtime.",
  ),
  idle: choice(
    ["poll", "halt", "nomwait"],
    "idle: poll never leaves the core to sleep, and takes half of it from its SMT sibling. Read back from the kernel's log. Source: " +
      "kernel-parameters.",
  ),
  processorMaxCstate: wholeNumber(
    "processor.max_cstate: deepest C-state of acpi_idle, 0 to 9; on Intel only together with intelIdleMaxCstate 0. Read back from " +
      "/sys/module/processor/parameters/max_cstate. Source: kernel-parameters.",
    { max: 9 },
    { change: "reboot" },
  ).optional(),
  intelIdleMaxCstate: wholeNumber(
    "intel_idle.max_cstate: deepest C-state of intel_idle, 0 to 9; 0 leaves idling to acpi_idle. Read back from " +
      "/sys/module/intel_idle/parameters/max_cstate. Source: kernel-parameters.",
    { max: 9 },
    { change: "reboot" },
  ).optional(),
  nosoftlockup: flag(
    "nosoftlockup: no detector of soft lockups. Hides starved kernel threads. Read back from /proc/sys/kernel/soft_watchdog. Source: " +
      "kernel-parameters; tuned cpu-partitioning.",
  ),
  nmiWatchdog: toggle(
    "nmi_watchdog: false for no performance counter that interrupts each CPU. Read back from /proc/sys/kernel/nmi_watchdog. Source: " +
      "kernel-parameters; tuned network-latency.",
  ),
  nowatchdog: flag(
    "nowatchdog: no detector of lockups, soft or hard. Read back from /proc/sys/kernel/watchdog. Source: kernel-parameters.",
  ),
  tsc: choice(
    ["reliable", "nowatchdog", "recalibrate", "unstable"],
    "tsc: reliable and nowatchdog trust the time stamp counter without checking it. Read back from the clock source. Source: kernel-parameters; " +
      "tuned network-latency.",
  ),
  clocksource: choice(
    ["tsc", "hpet", "acpi_pm", "kvm-clock", "jiffies"],
    "clocksource: clock that time is read from. Read back from /sys/devices/system/clocksource/clocksource0/current_clocksource. Source: " +
      "kernel-parameters.",
  ),
  hpet: choice(
    ["disable", "force", "verbose"],
    "hpet: disable for no HPET. Read back from the available clock sources. Source: kernel-parameters.",
  ),
  mce: z
    .enum(["ignore_ce", "dont_log_ce", "no_cmci"], {
      error: ({ input }) =>
        input === "off"
          ? 'observed "off", expected "ignore_ce", "dont_log_ce" or "no_cmci": without machine checks uncorrectable memory errors go unseen'
          : `observed ${JSON.stringify(input)}, expected "ignore_ce", "dont_log_ce" or "no_cmci"`,
    })
    .optional()
    .meta({
      description:
        "mce: ignore_ce for no polling of corrected errors. off is refused. Read back from /sys/devices/system/machinecheck. Source: x86 boot " +
        "options; tuned cpu-partitioning.",
      change: "reboot",
    }),
  skewTick: toggle(
    "skew_tick: true for ticks that don't fall together on all CPUs. Shown by /proc/cmdline alone. Source: kernel-parameters; tuned " +
      "network-latency.",
  ),
  nohz: toggle(
    "nohz: true for no tick on idle CPUs. Shown by /proc/cmdline alone. Source: kernel-parameters; tuned cpu-partitioning.",
  ),
  audit: toggle(
    "audit: false for no audit hooks. Read back from the kernel's log. Source: kernel-parameters.",
  ),
  mitigations: choice(
    ["off", "auto", "auto,nosmt"],
    "mitigations: off leaves the machine open to what runs on it; for a lab of one tenant. Read back from " +
      "/sys/devices/system/cpu/vulnerabilities. Source: kernel-parameters.",
  ),
  nosmt: z
    .union([z.literal(true), z.literal("force")], said('true or "force"'))
    .optional()
    .meta({
      description:
        "nosmt: no second threads of cores; force so that it can't be undone at run time. CPU numbers change: plan anew. Read back from " +
        "/sys/devices/system/cpu/smt/control. Source: kernel-parameters.",
      change: "reboot",
    }),
  rcuNormalAfterBoot: toggle(
    "rcupdate.rcu_normal_after_boot: true for no expedited grace periods, which interrupt all CPUs. Read back from /sys/kernel/rcu_normal. Source: " +
      "kernel-parameters; tuned network-latency.",
  ),
  nohzFullPatienceDelay: wholeNumber(
    "rcutree.nohz_full_patience_delay: ms before RCU disturbs a CPU of nohzFull, 0 to 5000. Newer kernels only. Read back from " +
      "/sys/module/rcutree/parameters/nohz_full_patience_delay. Source: kernel-parameters; tuned network-latency.",
    { max: 5000 },
    { change: "reboot" },
  ).optional(),
  pcieAspm: choice(
    ["off", "force"],
    "pcie_aspm: off leaves the power saving of PCIe links as the firmware set it. Read back from the kernel's log. Source: kernel-parameters.",
  ),
  preempt: choice(
    ["none", "voluntary", "full", "lazy"],
    "preempt: where kernel code may be preempted, of a kernel that can choose. Read back from /sys/kernel/debug/sched/preempt. Source: " +
      "kernel-parameters.",
  ),
  extra: freeForm(
    "Arguments of the kernel that have no field here, by the kernel's own name: true for a flag, a list for one that repeats. Names are checked " +
      "against the kernel's; one that is nearly right is refused. Shown by /proc/cmdline alone.",
  ),
  unlisted: freeForm(
    "Arguments that the table of the kernel's names does not have: of a vendor's kernel, of a module, of user space. Naming them here says that the " +
      "spelling is meant. Shown by /proc/cmdline alone.",
  ),
});
export type BootArgumentSet = z.infer<typeof BootArgumentSet>;

export const bootArguments = defineResource({
  token: "nfvlab:host:BootArguments",
  description:
    "Arguments of the kernel's command line, in a file of our own, and an entry of the boot loader that has them beside the entries that are there. " +
    "Counts from the next boot of that entry, which a Reboot brings about; until then the arguments are pending. Delete takes file and " +
    "entry away and leaves what the loader reads as create found it. For Debian and Ubuntu with GRUB, for RHEL 8 and later with GRUB and its files of entries, and " +
    "for systemd-boot.",
  inputs: z.strictObject({
    host: hostReference,
    name: name(
      "Name of the set; its file is /etc/default/grub.d/90-nfvlab-NAME.cfg, or /etc/nfvlab/boot/NAME.cfg where entries are files.",
      { change: "recreate" },
    ),
    arguments: BootArgumentSet.meta({
      description: "Arguments by the kernel's names in camel case, `{ skewTick: true }`. At least one.",
    }),
    rebootOnDelete: z.enum(["allow", "deny"]).optional().meta({
      description:
        "Whether delete may reboot the machine, so that the arguments are out of force as well. Default deny: it warns that a reboot is pending.",
    }),
  }),
  outputs: z.object({
    entry: z.string().meta({
      description: "Id of the entry that has the arguments; another one with each change of them.",
    }),
    configured: z.boolean().meta({
      description: "Whether file and entry hold exactly the arguments.",
    }),
    effective: z
      .array(z.string())
      .meta({ description: "Arguments that the running kernel shows in force, each by its own evidence." }),
    pending: z.array(z.string()).meta({
      description:
        "Arguments that are configured and not in force: a reboot is due, or the kernel did not take them.",
    }),
    complaints: z
      .array(z.string())
      .meta({ description: "What the running kernel logged against its command line." }),
    found: z.record(z.string(), z.string().nullable()).meta({
      description:
        "SHA-256 of what the boot loader reads as create found it, by path; null where absent. Their content is kept on the machine.",
    }),
  }),
  expectations: { configured: true },
});
