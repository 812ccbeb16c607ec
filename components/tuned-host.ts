import * as pulumi from "@pulumi/pulumi";
import { Facts, Hugepages } from "../sdk/resources/host.ts";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { Connection, HostReference } from "../sdk/schema/connection.ts";
import type { PageSize } from "../sdk/schema/hugepages.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { EmulatedServer } from "./emulated-server.ts";
import { LabComponent } from "./lab-component.ts";

export interface HostCpus {
  /** CPUs of the operating system, interrupts and emulator threads; CPU 0 among them. */
  readonly housekeeping: CpuList;
  /** CPUs that the kernel was told to leave alone. Poll-mode threads and vCPUs run here. */
  readonly isolated: CpuList;
}

export interface TunedHostArgs {
  /** How to reach it, or the emulated server that it is. */
  readonly connection: Wired<Connection> | EmulatedServer;
  readonly cpus: HostCpus;
  /** Pools by node and size. */
  readonly hugepages?: readonly {
    readonly size: PageSize;
    readonly count: number;
    readonly numaNode: number;
  }[];
}

interface Built {
  readonly reference: pulumi.Output<HostReference>;
  readonly cpus: HostCpus;
  readonly bootId: pulumi.Output<string>;
  readonly facts: Facts;
  readonly pools: readonly Hugepages[];
}

/**
 * A machine prepared for measuring: who may use which CPU, how many huge pages lie where, and what it is. Everything else of a testbed refers to it.
 *
 * @property cpus `housekeeping` and `isolated` lists, disjoint; policies hold every other role against them
 * @property hugepages pools, each on one node
 * @example
 * const dut = new TunedHost("dut", {
 *   connection: { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA…", agentSocketPath: process.env.SSH_AUTH_SOCK ?? "" },
 *   cpus: { housekeeping: "0-1", isolated: "2-15" },
 *   hugepages: [{ size: "1GiB", count: 16, numaNode: 0 }],
 * });
 */
export class TunedHost extends LabComponent<Built> {
  /** The machine as resources refer to it. */
  declare readonly reference: pulumi.Output<HostReference>;
  declare readonly cpus: HostCpus;
  /** Changes with every boot; what must be measured again after one takes it as a trigger. */
  declare readonly bootId: pulumi.Output<string>;
  declare readonly facts: Facts;
  declare readonly pools: readonly Hugepages[];

  constructor(name: string, args: TunedHostArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { connection, emulated } = reach(args.connection);
    const optionsHere = emulated === undefined ? options : { deletedWith: emulated.server, ...options };
    super("TunedHost", name, optionsHere, (scope) => {
      const reference = pulumi.output({ name, connection }) as pulumi.Output<HostReference>;
      const facts = scope.child(Facts, "facts", { host: reference });
      const pools = (args.hugepages ?? []).map((pool) =>
        scope.child(
          Hugepages,
          `hugepages-node${pool.numaNode}-${pool.size}`,
          { host: reference, ...pool },
          { dependsOn: facts },
        ),
      );
      const bootId = facts.identity.apply((identity) => identity.bootId);
      return { reference, cpus: args.cpus, bootId, facts, pools };
    });
  }
}

function reach(connection: TunedHostArgs["connection"]): {
  connection: Wired<Connection>;
  emulated?: EmulatedServer;
} {
  if (pulumi.Resource.isInstance(connection)) {
    const emulated = connection as EmulatedServer;
    return { connection: emulated.connection, emulated };
  }
  return { connection: connection as Wired<Connection> };
}
