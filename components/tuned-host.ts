import * as pulumi from "@pulumi/pulumi";
import { Facts, Hugepages, Sysctls } from "../sdk/resources/host.ts";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { Connection, HostReference } from "../sdk/schema/connection.ts";
import type { HostFacts } from "../sdk/schema/facts.ts";
import type { PageSize } from "../sdk/schema/hugepages.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { EmulatedServer } from "./emulated-server.ts";
import { InputCheck } from "./input-check.ts";
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
  /** Who may use which CPU: two lists, or a whole plan of `planCpus`. Declared, not set: boot arguments or tuned isolate them. */
  readonly cpus: HostCpus;
  /** Huge pages that the machine is to have, a pool for each node and size. */
  readonly hugepages?: readonly {
    /** Size of a page. */
    readonly size: PageSize;
    /** Pages in the pool, 0 up. */
    readonly count: number;
    /** Node that they lie on. */
    readonly numaNode: number;
  }[];
  /** Kernel parameters by key, `{ "kernel.numa_balancing": 0 }`: set now and at every boot. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
}

interface Built {
  readonly reference: pulumi.Output<HostReference>;
  readonly cpus: HostCpus;
  readonly bootId: pulumi.Output<string>;
  readonly facts: Facts;
  readonly pools: readonly Hugepages[];
  readonly sysctls: Sysctls | undefined;
}

/**
 * A machine prepared for measuring: who may use which CPU, how many huge pages lie where, and what it is. Everything else of a testbed refers to it.
 *
 * @property cpus `housekeeping` and `isolated` lists, disjoint, or a plan of `planCpus`; policies hold every other role against them
 * @property hugepages pools, each on one node
 * @property sysctls kernel parameters; delete puts back what was there
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
  declare readonly sysctls: Sysctls | undefined;

  constructor(name: string, args: TunedHostArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    const { connection, emulated } = reach(args.connection);
    const { housekeeping, isolated } = args.cpus;
    const optionsHere = emulated === undefined ? options : { deletedWith: emulated.server, ...options };
    super("TunedHost", name, optionsHere, (scope) => {
      const reference = guarded(pulumi.output({ name, connection }) as pulumi.Output<HostReference>);
      const facts = scope.child(Facts, "facts", { host: reference });
      const pools = (args.hugepages ?? []).map((pool) =>
        scope.child(
          Hugepages,
          `hugepages-node${pool.numaNode}-${pool.size}`,
          { host: reference, ...pool },
          { dependsOn: facts },
        ),
      );
      const sysctls =
        args.sysctls === undefined
          ? undefined
          : scope.child(
              Sysctls,
              "sysctls",
              { host: reference, name, values: args.sysctls },
              { dependsOn: facts },
            );
      // An update of chosen targets leaves out what is not there yet, and hands its outputs on as undefined.
      const bootId = facts.identity.apply(
        (identity: HostFacts["identity"] | undefined) => identity?.bootId,
      ) as pulumi.Output<string>;
      return { reference, cpus: { housekeeping, isolated }, bootId, facts, pools, sysctls };
    });
  }

  /** What changes the machine: whatever uses or measures it comes after these. */
  get preparation(): readonly pulumi.CustomResource[] {
    return [...this.pools, ...(this.sysctls === undefined ? [] : [this.sysctls])];
  }
}

/** The provider marks credentials in what it registers; a component's outputs, and what is handed on from here, nobody marks but the program. */
function guarded(reference: pulumi.Output<HostReference>): pulumi.Output<HostReference> {
  return reference.apply((known: HostReference) =>
    hasCredential(known.connection) ? pulumi.secret(known) : pulumi.output(known),
  ) as pulumi.Output<HostReference>;
}

function hasCredential(connection: Connection | undefined): boolean {
  if (connection?.kind !== "ssh") return false;
  return [connection, connection.proxy].some(
    (hop) => hop?.privateKey !== undefined || hop?.password !== undefined,
  );
}

function checkInputs(name: string, { cpus, hugepages = [] }: TunedHostArgs): void {
  const check = new InputCheck("TunedHost", name);
  const housekeeping = check.someCpus("cpus.housekeeping", cpus.housekeeping);
  const isolated = check.cpus("cpus.isolated", cpus.isolated);
  const shared = (housekeeping ?? CpuSet.empty).intersect(isolated ?? CpuSet.empty);
  if (shared.size > 0) {
    check.wrong({
      code: "cpus-overlap",
      property: "cpus",
      problem: `CPUs can't be housekeeping and isolated at once (${shared.format()})`,
      observed: `housekeeping ${cpus.housekeeping}, isolated ${cpus.isolated}`,
      expected: "two disjoint lists",
    });
  }
  if (housekeeping !== undefined && !housekeeping.has(0)) {
    check.wrong({
      code: "boot-cpu",
      property: "cpus.housekeeping",
      problem: "CPU 0 is not among them, and the kernel keeps work there that it moves to no other",
      observed: cpus.housekeeping,
      expected: "a list with CPU 0",
    });
  }
  hugepages.forEach(({ numaNode, size }, index) => {
    const first = hugepages.findIndex((other) => other.numaNode === numaNode && other.size === size);
    if (first === index) return;
    check.wrong({
      code: "pool-twice",
      property: `hugepages[${index}]`,
      problem: "node and size have a pool already",
      observed: `node ${numaNode}, ${size}, as in hugepages[${first}]`,
      expected: "one pool for each node and size",
      hint: "add up their counts",
    });
  });
  check.done();
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
