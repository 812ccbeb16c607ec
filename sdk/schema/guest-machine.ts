import { z } from "zod";
import { wholeNumber } from "./fields.ts";

const flag = (description: string) => z.boolean().optional().meta({ description });
const count = (description: string) => wholeNumber(description, { min: 1, max: 1024 });

/** How the guest sees its CPUs. */
export const GuestCpu = z.strictObject({
  topology: z
    .strictObject({
      sockets: count("Sockets. Default 1.").optional(),
      dies: count("Dies of a socket. Default 1.").optional(),
      clusters: count("Clusters of a die. Default: not told.").optional(),
      cores: count("Cores of a die, or of a cluster."),
      threads: count("Threads of a core. Default 1; 2 only where the pins are pairs of siblings.").optional(),
    })
    .optional()
    .meta({ description: "Must multiply to the number of vCPUs. Default: one socket of cores." }),
  features: z
    .record(
      z.string().regex(/^[a-z0-9_.-]{1,40}$/, "expected the name of a CPU feature as libvirt has it"),
      z.enum(["require", "optional", "disable", "forbid", "force"]),
    )
    .optional()
    .meta({
      description:
        "Policy by feature, beside `tsc-deadline` and `invtsc`, which are required where the host's CPU has them.",
    }),
  migratable: flag(
    "Leave out what can't be migrated, invtsc first of all. Default false; true for live migration.",
  ),
  cache: z
    .enum(["passthrough", "emulate", "disable"])
    .optional()
    .meta({ description: "What the guest is told of the caches. Default passthrough: what the host has." }),
  physicalAddressBits: z
    .enum(["passthrough", "emulate"])
    .optional()
    .meta({ description: "Width of physical addresses (maxphysaddr). Default: QEMU's." }),
});
export type GuestCpu = z.infer<typeof GuestCpu>;

/** What the hypervisor offers beside CPUs and devices. */
export const GuestFeatures = z.strictObject({
  pmu: flag("A performance monitoring unit. Default false."),
  apicEoi: flag("Paravirtual end of interrupt (apic eoi). Default: QEMU's."),
  ioapic: z.enum(["qemu", "kvm"]).optional().meta({
    description: "Who emulates the I/O APIC. Default: kvm; qemu where there is a vIOMMU, which needs it.",
  }),
  vmport: flag("VMware's I/O port. Default: QEMU's."),
  smm: flag("System management mode, for secure boot. Default: QEMU's."),
  hintDedicated: flag(
    "Tell the guest that its vCPUs have CPUs of their own (hint-dedicated): no paravirtual spinlocks. Default true.",
  ),
  pollControl: flag(
    "Let the guest switch off the host's halt polling when it polls itself (poll-control). Default true.",
  ),
  hidden: flag("Hide KVM from the guest. Default false."),
  pvIpi: flag("Paravirtual inter-processor interrupts. Default: QEMU's."),
  dirtyRing: wholeNumber(
    "Entries of a ring of dirty pages for each vCPU, a power of two from 1024 to 65536; for migration. Default: a bitmap.",
    { min: 1024, max: 65536 },
  )
    .refine((entries) => Number.isInteger(Math.log2(entries)), "expected a power of two")
    .optional(),
});
export type GuestFeatures = z.infer<typeof GuestFeatures>;

const tickPolicy = z
  .enum(["delay", "catchup", "merge", "discard"])
  .optional()
  .meta({ description: "What becomes of ticks that the guest missed." });
const present = flag("Whether the guest has it.");

/** Timers by name. What is not given stays as it is by default. */
export const GuestTimers = z.strictObject({
  rtc: z
    .strictObject({
      tickPolicy,
      track: z
        .enum(["guest", "wall", "boot", "realtime"])
        .optional()
        .meta({ description: "What it tracks." }),
      present,
    })
    .optional()
    .meta({ description: "CMOS clock. Default: catchup." }),
  pit: z
    .strictObject({ tickPolicy, present })
    .optional()
    .meta({ description: "8254 timer. Default: delay." }),
  hpet: z.strictObject({ present }).optional().meta({ description: "Default: not present." }),
  kvmclock: z
    .strictObject({ present })
    .optional()
    .meta({ description: "KVM's own clock. Default: QEMU's, present." }),
  tsc: z
    .strictObject({
      mode: z.enum(["auto", "native", "emulate"]).optional().meta({ description: "How it is read." }),
      frequencyHz: wholeNumber("Frequency that the guest is told, Hz.", { min: 1 }).optional(),
    })
    .optional()
    .meta({
      description: "Time stamp counter. Default: native where the host's does not stop, else QEMU's.",
    }),
});
export type GuestTimers = z.infer<typeof GuestTimers>;

/** An IOMMU of the guest's own, for DPDK and VFIO inside it. */
export const GuestIommu = z.strictObject({
  model: z.enum(["intel", "virtio"]).meta({ description: "VT-d, or the paravirtual one." }),
  interruptRemapping: flag("VT-d: remap interrupts (intremap). Default true."),
  cachingMode: flag(
    "VT-d: the guest reports new mappings too (caching_mode), which VFIO and vhost need. Default true.",
  ),
  deviceTlb: flag("VT-d: devices may keep translations (iotlb), which `ats` needs. Default true."),
  extendedInterrupts: flag("VT-d: interrupts to more than 255 CPUs (eim). Default: QEMU's."),
  addressBits: wholeNumber("VT-d: width of addresses, 39 or 48 bits. Default: QEMU's.", { min: 39, max: 48 })
    .refine((bits) => bits === 39 || bits === 48, "expected 39 or 48")
    .optional(),
});
export type GuestIommu = z.infer<typeof GuestIommu>;

/** A card that acts when the guest no longer answers. */
export const Watchdog = z.strictObject({
  model: z.enum(["i6300esb", "itco"]).meta({ description: "The card; itco is a part of q35." }),
  action: z
    .enum(["none", "reset", "shutdown", "poweroff", "pause", "dump", "inject-nmi"])
    .meta({ description: "What happens; none where a benchmark must not be disturbed." }),
});

/** Where the guest's random numbers come from. */
export const RandomSource = z.strictObject({
  source: z
    .enum(["/dev/urandom", "/dev/random", "/dev/hwrng", "none"])
    .meta({ description: "Device of the host, or no such card." }),
  bytesPerSecond: wholeNumber("The guest gets at most this much, bytes a second. Default: no limit.", {
    min: 1,
  }).optional(),
});
