import type { Inputs } from "../schema/definition.ts";
import type { TrafficPort, traffic } from "../schema/traffic.ts";
import type { TrexGenerator } from "../schema/traffic-generator.ts";
import { CpuSet } from "../units/cpuset.ts";
import { renderPort } from "../units/dpdk-arguments.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";
import type { TrafficPlan } from "./traffic-plan.ts";

type Way = Pick<Inputs<typeof traffic>, "from" | "to" | "directions" | "flows" | "addresses" | "settle"> & {
  readonly generator: TrexGenerator;
};

/** Ports that TRex makes itself, and the cards that it takes; never both at once. */
const VIRTUAL: readonly TrafficPort["kind"][] = ["af_packet", "memif"];
/** Of a master, of what receives what is stamped, and of one that sends. */
const LEAST_CPUS = 3;
const RPC_PORT = 4501;
const PUBLISHER_PORT = 4500;

/** @throws InputError `trex-ports`, `trex-cpus` */
export function checkTrex({ generator, from, to }: Pick<Way, "generator" | "from" | "to">): void {
  const kinds = [from, ...(to === undefined ? [] : [to])].map(({ kind }) => kind);
  const virtual = kinds.filter((kind) => VIRTUAL.includes(kind)).length;
  if (
    kinds.some((kind) => kind !== "pci" && !VIRTUAL.includes(kind)) ||
    (virtual > 0 && virtual < kinds.length)
  )
    throw new InputError({
      code: "trex-ports",
      property: "generator.kind",
      problem: "TRex sends and receives at cards, or at interfaces of the kernel and memif ports",
      observed: kinds.join(" to "),
      expected: `pci to pci, or ${VIRTUAL.join(" and ")}`,
      hint: "use the traffic program, kind nfvlab, for other ports",
    });
  const cpus = CpuSet.parse(generator.cpus).size;
  if (cpus !== 1 && cpus < LEAST_CPUS)
    throw new InputError({
      code: "trex-cpus",
      property: "generator.cpus",
      problem: "TRex has a master, a thread that receives what is stamped, and one or more that send",
      observed: `${cpus} CPUs`,
      expected: `${LEAST_CPUS} or more, or one for all of it`,
    });
}

/** How long TRex may take to start, and what its own client waits for at most. */
export interface TrexTimes {
  readonly linkMs: number;
  readonly probeMs: number;
  readonly startMs: number;
}

/**
 * The runner's command line on a way, and what its unit needs. TRex answers whoever asks it over TCP, so its unit speaks with this machine alone; frames do not go that way.
 *
 * @param trial `RATE COUNT OVERRUN_MS SIZE`; without one trials come on standard input
 */
export function planTrex(
  { generator, from, to, directions, flows, settle = "2s", addresses }: Way,
  { linkMs, probeMs, startMs }: TrexTimes,
  trial?: string,
): Pick<TrafficPlan, "argv" | "prepare" | "properties"> {
  const ports = [from, ...(to === undefined ? [] : [to])].map(renderPort);
  const { program, path, version, memory, stampedRate } = generator;
  const cpus = [...CpuSet.parse(generator.cpus)];
  const job = {
    ...{ trex: path, version, cpus },
    ...{ names: ports.map(({ name }) => name), interfaces: ports.map(interfaceOf) },
    ...(memory !== undefined && { memoryMib: exactly(memory, "MiB") }),
    ...(directions === "both" && { both: true }),
    ...(flows !== undefined && { flows }),
    ...(stampedRate !== undefined && { stampedPps: stampedRate }),
    ...(addresses !== undefined && { addresses }),
    ...{ settleMs: exactDuration(settle, "ms"), linkMs, probeMs, startMs },
    ...{ rpcPort: RPC_PORT, publisherPort: PUBLISHER_PORT },
    ...(trial !== undefined && { trial }),
  };
  return {
    argv: ["python3", "-B", program, JSON.stringify(job)],
    prepare: [],
    properties: [`CPUAffinity=${cpus[0]}`, "IPAddressDeny=any", "IPAddressAllow=localhost"],
  };
}

/** As TRex's own configuration names it. */
function interfaceOf({ arguments: [argument = ""] }: ReturnType<typeof renderPort>): string {
  return argument.replace(/^--allow=/, "");
}

/** Stamped frames a second where nothing else is said, and the largest share of all that they are, as the runner has it. */
const STAMPED_PPS = 1000;
const STAMPED_SHARE = 0.1;

/** How many of so many frames are stamped. */
export function stampedByTrex(
  { stampedRate = STAMPED_PPS }: Pick<TrexGenerator, "stampedRate">,
  rate: number,
  count: number,
): number {
  return Math.round((count * Math.min(stampedRate, rate * STAMPED_SHARE)) / rate);
}
