import type * as pulumi from "@pulumi/pulumi";
import { Image, Server } from "../sdk/resources/emulate.ts";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import type { Connection } from "../sdk/schema/connection.ts";
import type { emulatedImage, emulatedServer } from "../sdk/schema/emulate.ts";
import { LabComponent } from "./lab-component.ts";

export interface EmulatedServerArgs extends Omit<ArgsOf<typeof emulatedServer>, "name" | "image"> {
  /** Packages and disk size beyond the testbed's own. */
  readonly image?: ArgsOf<typeof emulatedImage>;
}

interface Built {
  readonly image: Image;
  readonly server: Server;
  readonly connection: pulumi.Output<Connection>;
}

/**
 * A machine to try a testbed on, made by `pulumi up` itself: an image from the cache and a QEMU server on it. Everything a real host has to offer is
 * there, boot arguments, NUMA nodes, SR-IOV, KVM; only its timings mean nothing.
 *
 * @property numaNodes CPUs and memory of each node
 * @property igbCards network cards with virtual functions, 0 to 4, default 2
 * @property bootArguments kernel arguments of its first boot
 * @property wire name of a wire to the cards of another emulated server of the program
 * @example
 * const machine = new EmulatedServer("dut", {
 *   numaNodes: [{ cpus: "0-1", memory: "2GiB" }, { cpus: "2-3", memory: "2GiB" }],
 *   bootArguments: ["isolcpus=2-3"],
 * });
 */
export class EmulatedServer extends LabComponent<Built> {
  declare readonly image: Image;
  declare readonly server: Server;
  /** For `TunedHost`: how to reach it. Holds a private key, so it is a secret. */
  declare readonly connection: pulumi.Output<Connection>;

  constructor(name: string, args: EmulatedServerArgs, options?: pulumi.ComponentResourceOptions) {
    super("EmulatedServer", name, options, (scope) => {
      const { image: imageArgs = {}, ...serverArgs } = args;
      const image = scope.child(Image, "image", imageArgs);
      const server = scope.child(Server, "server", {
        ...serverArgs,
        name,
        image: image.folder as Wired<string>,
      });
      return { image, server, connection: server.connection };
    });
  }
}
