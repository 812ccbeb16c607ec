import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineFunction, defineResource } from "./definition.ts";
import { cpuList, duration, pciAddress, wholeNumber } from "./fields.ts";
import { PageSize } from "./hugepages.ts";

/** Where a machine keeps its leases, one file each. */
export const LEASE_FOLDER = "/var/lib/nfvlab/leases";

const WAYS_EXPECTED = 'a mask of cache ways, not empty, for instance "0xf0"';

const atLeastOne = (what: string) => `observed no ${what}, expected at least one`;

/** Parts of a machine that only one stack may use at a time. */
export const LeaseParts = z
  .strictObject({
    cpus: cpuList("Logical CPUs.").optional(),
    hugepages: z
      .array(
        z.strictObject({
          numaNode: wholeNumber("NUMA node of the pool.", { max: 1023 }),
          size: PageSize.meta({ description: "Size of one page." }),
        }),
      )
      .min(1, atLeastOne("pool"))
      .optional()
      .meta({ description: "Whole pools of huge pages, each by its node and the size of its pages." }),
    vfs: z
      .array(pciAddress("PCI address of a virtual function."))
      .min(1, atLeastOne("virtual function"))
      .optional()
      .meta({ description: "Virtual functions of network cards." }),
    llcWays: z
      .array(
        z.strictObject({
          cache: wholeNumber("Id of the last-level cache, as /sys/fs/resctrl/schemata names it.", {
            max: 4095,
          }),
          mask: z
            .string()
            .refine((text) => /^0x(?=0*[1-9a-f])[0-9a-f]{1,16}$/.test(text), {
              error: ({ input }) => `observed ${JSON.stringify(input)}, expected ${WAYS_EXPECTED}`,
            })
            .meta({ description: "Ways of the cache, a bit each, in hexadecimal." }),
        }),
      )
      .min(1, atLeastOne("cache"))
      .optional()
      .meta({ description: "Ways of last-level caches." }),
  })
  .refine(
    (parts) => Object.values(parts).some((part) => part !== undefined),
    "observed no part, expected cpus, hugepages, vfs or llcWays",
  )
  .meta({ description: "Parts of a machine that nobody else may lease meanwhile, at least one." });
export type LeaseParts = z.infer<typeof LeaseParts>;

export const LeaseOwner = z.object({
  project: z.string(),
  stack: z.string(),
  resource: z.string().meta({ description: "Name of the resource in its program." }),
  origin: z.string().meta({ description: "Where the program ran: user@machine:folder." }),
});
export type LeaseOwner = z.infer<typeof LeaseOwner>;

/** What the file of a lease holds. When it was renewed last is told by the file's time. */
export const LeaseRecord = z.object({
  format: z.literal(1),
  owner: LeaseOwner,
  since: z.iso.datetime(),
  term: duration("How long the lease lives after its last renewal."),
  parts: LeaseParts,
});
export type LeaseRecord = z.infer<typeof LeaseRecord>;

export const lease = defineResource({
  token: "nfvlab:host:Lease",
  description:
    "Parts of a machine for this stack alone. Granted under a lock on the machine against every other lease there, whole or not at all, and renewed by a small service " +
    "of our own, nfvlab-lease-ID, as long as the resource lives, over boots too. Delete removes service and lease.",
  inputs: z.strictObject({
    host: hostReference,
    parts: LeaseParts,
    term: duration(
      "How long the lease lives after its holder has ended, 3s to 24h. Its holder renews it three times as often. Default 10min.",
    ).optional(),
  }),
  outputs: z.object({
    lease: z.string().meta({
      description: `Id of the lease on the machine; its file is ${LEASE_FOLDER}/ID.json.`,
    }),
    holder: z.string().meta({ description: "Name of the service that renews it." }),
    since: z.string().meta({ description: "When it was granted, by the machine's clock." }),
    held: z.boolean().meta({ description: "Whether the lease is there and its holder runs." }),
    strangers: z.array(z.string()).meta({
      description:
        "Processes that somebody has put on leased CPUs and on no others: none of a guest, a container, the switch or ours. For instance stress-ng (4711) on CPU 3. They are left alone.",
    }),
  }),
  expectations: { held: true },
});

/** All leases of a machine. */
export const HostLeases = z.object({
  leases: z.array(
    z.object({
      lease: z.string().meta({ description: "Id of the lease." }),
      owner: LeaseOwner,
      parts: LeaseParts,
      since: z.string().meta({ description: "When it was granted, by the machine's clock." }),
      until: z.string().meta({ description: "When it ends where nobody renews it." }),
      held: z.boolean().meta({ description: "Whether its holder runs." }),
      stale: z.boolean().meta({ description: "Expired without a holder: anybody may take its parts." }),
    }),
  ),
  text: z.array(z.string()).meta({ description: "The same in sentences, one a lease." }),
});
export type HostLeases = z.infer<typeof HostLeases>;

export const getLeases = defineFunction({
  token: "nfvlab:host:getLeases",
  description:
    "All leases of a machine as they are now: who has which part. Changes nothing. Refuses where others have what the caller means to lease, in preview too.",
  inputs: z.strictObject({
    host: hostReference,
    wanted: LeaseParts.optional(),
    project: z.string().optional().meta({ description: "Project that wants them." }),
    stack: z.string().optional().meta({
      description:
        "Stack that wants them. Leases of this name are its own, wherever it was brought up: only a Lease itself tells namesakes apart.",
    }),
  }),
  outputs: HostLeases,
});
