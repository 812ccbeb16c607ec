import { z } from "zod";
import { ATTACHMENT_KINDS, CARRIER_KINDS, PLACES } from "../units/packet-path.ts";

/** The way of a packet, as a component tells it and a state keeps it. */
export const PacketPathState = z.object({
  stations: z.array(z.object({ name: z.string(), place: z.enum(PLACES), does: z.string() })),
  segments: z.array(
    z.object({
      down: z.enum(ATTACHMENT_KINDS),
      carrier: z.enum(CARRIER_KINDS),
      over: z.string(),
      up: z.enum(ATTACHMENT_KINDS),
    }),
  ),
});
