import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, name, wholeNumber } from "./fields.ts";

const id = z
  .string()
  .regex(/^\d{1,5}$/, "expected the number of a cache, as /sys/fs/resctrl/schemata has it");

const mask = z
  .string()
  .refine((text) => /^(0x)?[0-9a-f]{1,8}$/i.test(text) && Number.parseInt(text, 16) > 0, {
    error: ({ input }) =>
      `observed ${JSON.stringify(input)}, expected a hexadecimal mask of cache ways, for instance "ff0"`,
  })
  .meta({ description: "Ways of one cache, hexadecimal." });

const waysOf = (cache: string) =>
  z
    .record(id, mask)
    .optional()
    .meta({
      description: `Ways of each ${cache} by its number, \`{ 0: "ff0" }\`: one run of bits, but where the kernel says sparse_masks. A cache that is left out stays as the kernel gives it to a new group.`,
    });

export const cacheAllocation = defineResource({
  token: "nfvlab:host:CacheAllocation",
  description:
    "A share of the caches and of memory bandwidth for some CPUs: a control group of resctrl, /sys/fs/resctrl/nfvlab-NAME, which is mounted where it is not. Lost at a reboot; refresh finds it gone, and the " +
    "next update makes it again. Delete removes the group and gives its CPUs back to the groups that create found them in, unless somebody else has changed it since. CPUs whose guests have a " +
    "cachetune of libvirt's are not to be in it.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the group; its folder is /sys/fs/resctrl/nfvlab-NAME.", { change: "recreate" }),
    cpus: cpuList("CPUs whose work goes by the group. One is in one group at a time."),
    schemata: z
      .strictObject({
        L3: waysOf("L3 cache"),
        L2: waysOf("L2 cache"),
        MB: z
          .record(
            id,
            wholeNumber("Percent of the memory bandwidth; the kernel rounds up.", { min: 1, max: 100 }),
          )
          .optional()
          .meta({
            description: "Memory bandwidth behind each L3 cache by its number, percent, `{ 0: 50 }`.",
          }),
      })
      .refine((schemata) => Object.values(schemata).some((each) => each !== undefined), {
        error: () => "observed nothing, expected L3, L2 or MB",
      })
      .meta({ description: "What the group may use, by resource as the kernel names them." }),
  }),
  outputs: z.object({
    found: z.record(z.string(), z.string()).meta({
      description:
        "Groups that the CPUs were in before, which delete gives them back to: CPUs by the group's name, the default group's is empty. `unmounted` where resctrl was not mounted.",
    }),
    written: z.record(z.string(), z.string()).meta({
      description:
        "`schemata` and `cpus` as they read after they were set: a group that reads otherwise since is left alone by delete.",
    }),
  }),
});
