import * as pulumi from "@pulumi/pulumi";
import {
  type BootArguments,
  Facts,
  getLeasesOutput,
  Hugepages,
  Lease,
  type RealtimeKernel,
  type Reboot,
  type Sysctls,
} from "../sdk/resources/host.ts";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { Connection, HostReference } from "../sdk/schema/connection.ts";
import type { HostFacts } from "../sdk/schema/facts.ts";
import type { FirmwareIntent, InspectedTuning } from "../sdk/schema/inspection.ts";
import { CpuSet } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { EmulatedServer } from "./emulated-server.ts";
import {
  checkTuning,
  type HostCpus,
  type HostTuningArgs,
  tuneBoot,
  tuneRunning,
  wantedOf,
} from "./host-tuning.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent, type Scope } from "./lab-component.ts";

export interface TunedHostArgs extends HostTuningArgs {
  /** How to reach it, or the emulated server that it is. */
  readonly connection: Wired<Connection> | EmulatedServer;
  /**
   * Whether its isolated CPUs and its pools of huge pages are leased, so that no other stack gets them; everything on the machine waits for that. Default true, but
   * false for an emulated server, which is this stack's alone.
   */
  readonly lease?: boolean | HostLease;
  /**
   * How its firmware is set up, item by item, which nothing here can change. Every record of a measurement on it says so, with what the machine shows of it; what the machine
   * contradicts makes the record invalid. Default: nothing is declared.
   */
  readonly firmware?: FirmwareIntent;
}

export interface HostLease {
  /** How long the lease lives where its holder on the machine has ended, 3s to 24h. Default 10min. */
  readonly term?: Duration;
  /** Has a preview ask the machine already whether others have the parts. Default: a preview asks no machine, and `up` is refused. */
  readonly preview?: "ask";
}

interface Built {
  readonly reference: pulumi.Output<HostReference>;
  readonly lease: Lease | undefined;
  readonly cpus: HostCpus;
  readonly bootId: pulumi.Output<string>;
  readonly facts: Facts;
  readonly pools: readonly Hugepages[];
  readonly sysctls: Sysctls | undefined;
  readonly bootArguments: BootArguments | undefined;
  readonly realtimeKernel: RealtimeKernel | undefined;
  readonly reboot: Reboot | undefined;
  readonly knobs: readonly pulumi.CustomResource[];
  readonly firmware: FirmwareIntent | undefined;
  readonly wanted: InspectedTuning;
}

/**
 * A machine prepared for measuring: who may use which CPU, how it is tuned, how many huge pages lie where, and what it is. Everything else of a testbed refers
 * to it. Boot arguments come first, then the reboot where one is allowed, then what a boot would undo, and whatever uses or measures the machine after all of it.
 *
 * @property cpus `housekeeping` and `isolated` lists, disjoint, or a plan of `planCpus`; policies hold every other role against them
 * @property tuning a plan of `planTuning`: boot arguments, kernel parameters, frequencies, idle states, memory, interrupts, deferred work, services, KVM; delete puts back
 *   what was there
 * @property realtimeKernel `true` for Debian's kernel with PREEMPT_RT beside the one that is there, in the same reboot as the boot arguments
 * @property reboot `{ allow: true }` where boot arguments or that kernel may reboot the machine, at delete too
 * @property hugepages pools, each on one node
 * @property sysctls kernel parameters; delete puts back what was there
 * @property swap `"off"` for no swap at all, now and at every boot; delete turns on what was on
 * @property lease whether isolated CPUs and pools are leased for this stack alone, before anything else is done there; false for what is shared by agreement,
 *   `{ preview: "ask" }` for a preview that says who has them
 * @property firmware what is declared of its firmware, `{ turbo: false }`; goes into each record measured here
 * @example
 * const dut = new TunedHost("dut", {
 *   connection: { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA…", agentSocketPath: process.env.SSH_AUTH_SOCK ?? "" },
 *   cpus: { housekeeping: "0-1", isolated: "2-15" },
 *   hugepages: [{ size: "1GiB", count: 16, numaNode: 0 }],
 * });
 * @example
 * const hostKey = "ssh-ed25519 AAAA…";
 * const connection = { kind: "ssh", host: "10.0.0.7", hostKey, agentSocketPath: process.env.SSH_AUTH_SOCK ?? "" } as const;
 * const cpus = { housekeeping: "0-1", isolated: "2-15" };
 * const tuning = await planTuning({ host: { name: "dut", connection }, profile: "realtime", cpus });
 * const dut = new TunedHost("dut", { connection, cpus, tuning, reboot: { allow: true } });
 */
export class TunedHost extends LabComponent<Built> {
  /** The machine as resources refer to it. */
  declare readonly reference: pulumi.Output<HostReference>;
  declare readonly lease: Lease | undefined;
  declare readonly cpus: HostCpus;
  /** Changes with every boot; what must be measured again after one takes it as a trigger. */
  declare readonly bootId: pulumi.Output<string>;
  declare readonly facts: Facts;
  declare readonly pools: readonly Hugepages[];
  declare readonly sysctls: Sysctls | undefined;
  /** What it boots with; `pending` says what waits for a reboot. */
  declare readonly bootArguments: BootArguments | undefined;
  /** The kernel that it boots in place of its own; `running` says whether it does. */
  declare readonly realtimeKernel: RealtimeKernel | undefined;
  declare readonly reboot: Reboot | undefined;
  /** Everything else that the plan sets. */
  declare readonly knobs: readonly pulumi.CustomResource[];
  /** What is declared of its firmware, for the records. */
  declare readonly firmware: FirmwareIntent | undefined;
  /** All that its plan, `sysctls`, `swap` and `hugepages` set, for the report. */
  declare readonly wanted: InspectedTuning;

  constructor(name: string, args: TunedHostArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    const { connection, emulated } = reach(args.connection);
    const { housekeeping, isolated } = args.cpus;
    const optionsHere = emulated === undefined ? options : { deletedWith: emulated.server, ...options };
    super("TunedHost", name, optionsHere, (scope) => {
      const machine = guarded(pulumi.output({ name, connection }) as pulumi.Output<HostReference>);
      const lease = leaseFor(scope, machine, args, args.lease ?? emulated === undefined);
      // Whatever refers to the machine waits for the lease, and knows the machine in preview all the same.
      const reference =
        lease === undefined ? machine : pulumi.all([machine, lease.urn]).apply(([known]) => known);
      const { bootArguments, kernel, files, reboot } = tuneBoot(scope, reference, name, args);
      // Facts are those of the boot that is measured, and a boot takes pools away: both follow it.
      const boots = reboot === undefined ? {} : { triggers: [reboot.bootId] };
      const facts = scope.child(
        Facts,
        "facts",
        { host: reference, ...boots },
        { dependsOn: [bootArguments, kernel, ...files, reboot].filter((each) => each !== undefined) },
      );
      const pools = (args.hugepages ?? []).map((pool) =>
        scope.child(
          Hugepages,
          `hugepages-node${pool.numaNode}-${pool.size}`,
          { host: reference, ...pool, ...boots },
          { dependsOn: facts },
        ),
      );
      const running = tuneRunning(scope, reference, name, args, facts);
      // An update of chosen targets leaves out what is not there yet, and hands its outputs on as undefined.
      const bootId =
        reboot?.bootId ??
        (facts.identity.apply(
          (identity: HostFacts["identity"] | undefined) => identity?.bootId,
        ) as pulumi.Output<string>);
      return {
        ...{
          reference,
          lease,
          cpus: { housekeeping, isolated },
          bootId,
          facts,
          pools,
          bootArguments,
          realtimeKernel: kernel,
          reboot,
        },
        ...{ sysctls: running.sysctls, knobs: [...files, ...running.knobs], firmware: args.firmware },
        wanted: wantedOf(args),
      };
    });
  }

  /** What changes the machine: whatever uses or measures it comes after these. */
  get preparation(): readonly pulumi.CustomResource[] {
    const single = [this.bootArguments, this.realtimeKernel, this.reboot, this.sysctls].filter(
      (each) => each !== undefined,
    );
    return [...this.pools, ...single, ...this.knobs];
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

/** What nobody else is to use: CPUs that are isolated, and the pools. */
function leaseFor(
  scope: Scope,
  host: pulumi.Output<HostReference>,
  { cpus, hugepages = [] }: TunedHostArgs,
  lease: boolean | HostLease,
): Lease | undefined {
  if (lease === false) return undefined;
  const { isolated } = cpus;
  const parts = {
    ...(CpuSet.parse(isolated).size > 0 && { cpus: isolated }),
    ...(hugepages.length > 0 && {
      hugepages: hugepages.map(({ numaNode, size }) => ({ numaNode, size })),
    }),
  };
  if (Object.keys(parts).length === 0) return undefined;
  const { term, preview = undefined } = lease === true ? {} : lease;
  const asked = preview === "ask" ? getLeasesOutput({ host, wanted: parts }) : undefined;
  return scope.child(Lease, "lease", {
    host: asked === undefined ? host : pulumi.all([host, asked]).apply(([known]) => known),
    parts,
    ...(term !== undefined && { term }),
  });
}

function checkInputs(name: string, args: TunedHostArgs): void {
  const { cpus, hugepages = [], lease = false } = args;
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
  if (lease !== false && isolated?.size === 0 && hugepages.length === 0) {
    check.wrong({
      code: "lease-of-nothing",
      property: "lease",
      problem: "the host has nothing that one stack alone would use",
      observed: "no isolated CPU, no huge pages",
      hint: "leave lease out",
    });
  }
  checkTuning(check, args);
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
