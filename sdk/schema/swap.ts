import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";

/** Name of our drop-ins. Those in `swap.d` count for every unit of type swap, of whichever file. */
export const SWAP_DROP_IN = "90-nfvlab.conf";
export const SWAP_UNITS = "/etc/systemd/system/swap.d";

export const SwapArea = z.object({
  path: z.string().meta({ description: "Device or file, as /proc/swaps has it." }),
  unit: z
    .string()
    .nullable()
    .meta({ description: "Unit of systemd that turns it on; null where somebody did it by hand." }),
  priority: z.number().meta({ description: "Higher is used first; below 0 the kernel chose it." }),
});
export type SwapArea = z.infer<typeof SwapArea>;

export const swap = defineResource({
  token: "nfvlab:host:Swap",
  description:
    "No swap on a machine: every device and file off, zram's among them, and every unit of systemd that would turn one on kept from it by a drop-in of our own, " +
    "/etc/systemd/system/swap.d/90-nfvlab.conf, one more for each service that makes swap itself. Pages that are out come back into memory first, so it is refused where they don't fit. Memory " +
    "of guests that is locked or of huge pages never was in swap; the emulator's own and everybody else's was. Delete takes the drop-ins out and turns on what create found on. Needs systemd 244.",
  inputs: z.strictObject({ host: hostReference }),
  outputs: z.object({
    found: z.array(SwapArea).meta({ description: "What was on before." }),
    services: z
      .array(z.string())
      .meta({ description: "Services that ran and make swap of their own, as zramswap.service." }),
    written: z.array(z.string()).meta({
      description: "Drop-ins that were written. One that reads otherwise since is left alone by delete.",
    }),
    configured: z
      .array(z.string())
      .meta({ description: "Units that would turn swap on at the next boot: none, while this is in force." }),
    effective: z
      .array(z.string())
      .meta({ description: "Devices and files that are swap now: none, while this is in force." }),
  }),
  expectations: { configured: [], effective: [] },
});
