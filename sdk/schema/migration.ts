import { z } from "zod";
import { declaredFirmware } from "./benchmarks.ts";
import { HostReference, hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration, ipAddress, name, size, triggers, wholeNumber } from "./fields.ts";
import { ResultRecord } from "./record.ts";
import { pacedRate, programPath, TrafficFrames, traffic } from "./traffic.ts";

const percent = (description: string) => wholeNumber(description, { min: 1, max: 99 });
const level = (description: string, min: number, max: number) =>
  wholeNumber(description, { min, max }).optional();

/** How QEMU saves what goes over the network; each kind is a capability or a parameter of its own. */
export const MigrationCompression = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("xbzrle"),
    cacheSize: size(
      "Memory for pages as they were sent, of which differences are made. Default: QEMU's, 64MiB.",
    ).optional(),
  }),
  z.strictObject({
    kind: z.literal("zlib"),
    level: level("From 0, none, to 9, most (multifd-zlib-level). Default: QEMU's, 1.", 0, 9),
  }),
  z.strictObject({
    kind: z.literal("zstd"),
    level: level("From 0 to 20, most (multifd-zstd-level). Default: QEMU's, 1.", 0, 20),
  }),
]);

/** What a migration is asked of QEMU. What is not given is as QEMU and libvirt have it by default. */
export const MigrationSettings = z.strictObject({
  downtimeLimit: duration(
    "The guest is stopped for its last pages once they are thought to take no longer than this, whole ms up to 2000s (downtime-limit). Default: QEMU's, 300ms.",
  ).optional(),
  maxBandwidth: size(
    "Bytes that QEMU sends in a second at most, whole MiB (max-bandwidth). Default: no limit.",
  ).optional(),
  switchoverBandwidth: size(
    "Bytes a second that are counted on for the last pages, instead of what was measured (avail-switchover-bandwidth; QEMU 8.2). Default: measured.",
  ).optional(),
  connections: wholeNumber(
    "Connections that pages are sent over side by side (multifd, multifd-channels; QEMU 4.0). Default: one, without multifd.",
    { min: 1, max: 255 },
  ).optional(),
  zeroCopy: z.boolean().optional().meta({
    description:
      "Send pages without copying them into the kernel (zero-copy-send; QEMU 7.1, libvirt 8.5); needs `connections` and locked memory. Default false.",
  }),
  compression: MigrationCompression.optional().meta({
    description:
      "xbzrle (QEMU 1.2), or zlib and zstd (multifd-compression; QEMU 5.0, libvirt 9.4), which need `connections`. Default none.",
  }),
  zeroPageDetection: z.enum(["none", "legacy", "multifd"]).optional().meta({
    description: "Who looks for pages of zeros (zero-page-detection; QEMU 9.0). Default: QEMU's, multifd.",
  }),
  autoConverge: z
    .strictObject({
      initial: percent(
        "Share of their time that vCPUs are held at first (cpu-throttle-initial). Default 20.",
      ).optional(),
      increment: percent("By how much that grows (cpu-throttle-increment). Default 10.").optional(),
      max: percent("What it grows to at most (max-cpu-throttle; QEMU 5.0). Default 99.").optional(),
      threshold: percent(
        "Share of the pages just sent that the guest wrote again, above which it is held (throttle-trigger-threshold; QEMU 5.0). Default 50.",
      ).optional(),
    })
    .optional()
    .meta({
      description:
        "Slow the guest's vCPUs down where it writes faster than pages are sent (auto-converge; QEMU 1.6). Harms what the guest does. Default: not.",
    }),
  postCopy: z
    .strictObject({
      after: z.enum(["first-pass"]).or(duration("A time, whole seconds.")).meta({
        description:
          "When the guest goes over: behind the first pass over its memory, or after a time in whole seconds.",
      }),
      maxBandwidth: size(
        "Bytes a second of pages that nobody waits for, whole MiB (max-postcopy-bandwidth). Default: no limit.",
      ).optional(),
    })
    .optional()
    .meta({
      description:
        "Let the guest go on at its destination and fetch pages as it asks for them (postcopy-ram; QEMU 2.6): always ends, but a connection lost on the way loses the guest. QEMU's user needs " +
        "userfaultfd. Default: not.",
    }),
});
export type MigrationSettings = z.infer<typeof MigrationSettings>;

const { frameSize } = traffic.inputs.shape;

/** Constant-rate traffic through the guest while it is migrated. */
export const MigrationTraffic = z.strictObject({
  host: HostReference.optional().meta({
    description: "The machine that sends and receives. Default: `host`.",
    change: "live",
  }),
  ...{ ...programPath, rate: pacedRate, frameSize },
});

export const liveMigration = defineResource({
  token: "nfvlab:bench:LiveMigration",
  description:
    "Migrates a running guest to another machine and back, as often as asked, and measures each way: total time and downtime by QEMU's own events, iterations and bytes by libvirt, and the outage that " +
    "traffic through the guest saw. libvirt does it peer to peer: its control goes through an SSH tunnel between the two machines, by a key that is made for the run, may do nothing else, is " +
    "good for the peer's address and the time of the run alone, and is removed with it; the guest's memory goes in clear between two addresses that the program names, which have to be on a network of their " +
    "own. The guest's definition stays where it is; afterwards the guest runs there again, whatever became of a migration. Runs once, and again when an input or a trigger changes; never on an " +
    "unchanged `up`. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run, part of its units' names.", { change: "recreate" }),
    domain: name("The guest, a libvirt domain that runs on `host`.", { change: "recreate" }),
    destination: HostReference.meta({
      description:
        "The machine that it is migrated to. It needs what the guest has on its own: files that it boots, pages, CPUs, bridges and sockets of the same names.",
    }),
    addresses: z
      .strictObject({
        host: ipAddress("Of `host`."),
        destination: ipAddress("Of `destination`."),
      })
      .meta({
        description:
          "Addresses of the two on a private network, where nobody else listens: memory of the guest goes over it in clear.",
        change: "recreate",
      }),
    sshPort: wholeNumber(
      "TCP port of both machines' SSH servers on that network. Default 22.",
      { min: 1, max: 65535 },
      { change: "recreate" },
    ).optional(),
    settings: MigrationSettings.optional().meta({
      description: "What QEMU is asked for. Default: everything as QEMU and libvirt have it.",
      change: "recreate",
    }),
    traffic: MigrationTraffic.optional().meta({
      description:
        "Traffic through the guest meanwhile: how much longer than usual a receiver waited for a frame at most is the outage, and its rate the resolution. Default none, and no outage is measured.",
      change: "recreate",
    }),
    repetitions: wholeNumber(
      "Migrations that are measured, there and back in turn. Default 2; an interval needs 6.",
      { min: 1, max: 1000 },
      { change: "recreate" },
    ).optional(),
    limit: duration(
      "How long one migration may take, whole seconds, before it is cancelled as one that does not converge. Default 60s.",
      { change: "recreate" },
    ).optional(),
    settle: duration("Time between two migrations, whole ms. Default 5s.", { change: "recreate" }).optional(),
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({
    record: ResultRecord,
    destinationInForce: z
      .string()
      .meta({ description: "Hash of what was in force on the destination, as the record has it of `host`." }),
    frames: z
      .object({ forward: TrafficFrames, reverse: TrafficFrames.nullable() })
      .nullable()
      .meta({ description: "Frames by direction over all migrations; null without traffic." }),
  }),
});
