import type * as pulumi from "@pulumi/pulumi";
import type { AttachmentKind, CarrierKind, Place } from "../sdk/units/packet-path.ts";
import type { OvsDpdkBridge } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";

/** A port of a switch that forwards by flows: a chain writes them. */
export interface SwitchedAttachment {
  /** How the other side of the port hangs on it. */
  readonly kind: AttachmentKind;
  /** The switch. */
  readonly bridge: OvsDpdkBridge;
  /** Port of that switch. */
  readonly port: string;
}

/** A place on what forwards by itself: a Linux bridge learns, a card knows its functions, shared memory is there for both. */
export interface DirectAttachment {
  /** How the network function hangs on it. */
  readonly kind: AttachmentKind;
  /** What it hangs on. */
  readonly carrier: Exclude<CarrierKind, "ovs-dpdk" | "ovs-kernel">;
  /** Name of the bridge, of the physical function or of the shared memory: two that name the same can reach each other. */
  readonly over: string;
}

export type Attachment = SwitchedAttachment | DirectAttachment;

/** A network function as a chain sees it, whatever it runs in. */
export interface ChainMember {
  /** Its name in the program. */
  readonly name: string;
  /** The machine that it runs on. */
  readonly host: TunedHost;
  /** Node of its CPUs and memory; undefined where nobody said. */
  readonly numaNode: number | undefined;
  /** What it runs in. */
  readonly place: Place;
  /** What its interfaces hang on, by their names, in their order. */
  readonly attachments: Readonly<Record<string, Attachment>>;
  /** It forwards once these are there. */
  readonly ready: readonly pulumi.Resource[];
}

/** Whether a packet that leaves one can reach the other without leaving what both hang on. */
export function meets(one: Attachment, other: Attachment): boolean {
  if ("bridge" in one && "bridge" in other) return one.bridge === other.bridge;
  if ("bridge" in one || "bridge" in other) return false;
  return one.carrier === other.carrier && one.over === other.over;
}

/** For an error: `port vhu0 of br0`. */
export function placeOf(attachment: Attachment): string {
  return "bridge" in attachment
    ? `port ${attachment.port} of ${attachment.bridge.name}`
    : `${attachment.carrier} ${attachment.over}`;
}
