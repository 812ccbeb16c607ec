import type * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { GuestDisk } from "../sdk/schema/guest-memory.ts";

/** A volume of a storage pool of libvirt's, as `@pulumi/libvirt` makes one. */
export type PoolVolume = pulumi.Resource & {
  readonly name: pulumi.Output<string>;
  readonly pool: pulumi.Output<string>;
};

/** A volume that is a file, as `Volume` of this SDK makes one. */
export type FileVolume = pulumi.Resource & { readonly path: pulumi.Output<string> };

/** A disk of a network function: where its content lies, and how the host serves it. */
export interface VnfDiskArgs extends Readonly<Omit<GuestDisk, "path" | "volume">> {
  /** The volume, made with this SDK or with `@pulumi/libvirt`. */
  readonly volume?: PoolVolume | FileVolume;
  /** An image file on the machine, where there is no volume. */
  readonly path?: pulumi.Input<string>;
}

/** The disk as the guest's definition takes it. A volume of a pool is told by its pool, since not every pool holds files. */
export function domainDisk({ volume, path, ...settings }: VnfDiskArgs): Wired<GuestDisk> {
  if (volume === undefined) return { ...settings, ...(path !== undefined && { path }) };
  if ("pool" in volume) return { ...settings, volume: { pool: volume.pool, name: volume.name } };
  return { ...settings, path: volume.path };
}
