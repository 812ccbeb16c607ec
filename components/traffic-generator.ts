import type * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import { type Tool, Trex } from "../sdk/resources/traffic.ts";
import type { TrafficPort } from "../sdk/schema/traffic.ts";
import type { SearchGenerator, TrafficGenerator, TrafficProgram } from "../sdk/schema/traffic-generator.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import type { Size } from "../sdk/units/size.ts";
import { declaredOf } from "./benchmarks.ts";
import { InputCheck } from "./input-check.ts";
import type { TunedHost } from "./tuned-host.ts";

/** Where a generator opens a port: an end of a chain, or anything else with such a port. */
export interface TrafficEnd {
  /** How errors call it. */
  readonly name: string;
  /** What is opened there; undefined where nothing on the host can be. */
  readonly trafficPort?: Wired<TrafficPort>;
}

/** An end that is a network function itself, of which a generator on the host can open no port. */
export interface VnfEnd {
  /** The network function. */
  readonly vnf: {
    /** How errors call it. */
    readonly name: string;
  };
}

/** What frames go through, from one end to the other: a chain is one. */
export interface TrafficPath {
  /** Where frames are sent. */
  readonly from: TrafficEnd | VnfEnd;
  /** Where they are received. Default: where they are sent, for a path that leads back. */
  readonly to?: TrafficEnd | VnfEnd;
  /** Frames go through once these are there. */
  readonly ready?: readonly pulumi.Resource[];
  /** What frames go through, for the report. */
  readonly path?: PacketPath;
}

/** What sends and counts. */
export interface GeneratorArgs {
  /** The machine that sends and receives. */
  readonly on: TunedHost;
  /** Its traffic program; or TRex, where that is installed; or DPDK's testpmd, which can't pace: no load is searched for with it. */
  readonly tool: Tool | Trex | "testpmd";
  /** CPUs of the generator, which polls on them. The traffic program receives on the first and sends on a second one; TRex takes one, or three and more; testpmd two or more. */
  readonly cpus: CpuList;
  /** Memory that the generator takes at its start. Default 64MiB; of TRex its own choice. */
  readonly memory?: Size | undefined;
  /** Whether that is of huge pages, which vhost-user needs. Default true. */
  readonly hugepages?: boolean | undefined;
  /** How long the traffic program sleeps when it has nothing to do; adds as much to latency. Default 0us: it polls. */
  readonly idle?: Duration | undefined;
  /** Of TRex: frames per second and direction that bear a stamp, 0 for none. Default 1000. */
  readonly stampedRate?: number | undefined;
}

type Choice = Omit<GeneratorArgs, "on" | "tool"> & { readonly tool: GeneratorArgs["tool"] | "pktgen" };
type Option = keyof Omit<Choice, "tool" | "cpus">;

const OPTIONS: Readonly<Record<TrafficGenerator["kind"], readonly Option[]>> = {
  nfvlab: ["memory", "hugepages", "idle"],
  trex: ["memory", "stampedRate"],
  testpmd: ["memory", "hugepages"],
  pktgen: [],
};
const ALL_OPTIONS: readonly Option[] = ["memory", "hugepages", "idle", "stampedRate"];

function kindOf(tool: Choice["tool"]): TrafficGenerator["kind"] {
  if (typeof tool === "string") return tool;
  return tool instanceof Trex ? "trex" : "nfvlab";
}

/** What a resource takes of a machine that forwards beside the generator's; nothing where there is none. */
function forwardingOn(systemUnderTest: TunedHost | undefined) {
  if (systemUnderTest === undefined) return { inputs: {}, triggers: [], preparation: [] };
  const { reference, bootId, preparation } = systemUnderTest;
  return { inputs: { systemUnderTest: reference }, triggers: [bootId], preparation: [...preparation] };
}

/** What every component that sends over a path takes beside its generator. */
export interface OverPathArgs {
  /** A chain, or two ends. */
  readonly over: TrafficPath;
  /** The machine that forwards, where it is not the generator's: what its switch dropped is in the record. */
  readonly systemUnderTest?: TunedHost | undefined;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[] | undefined;
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[] | undefined;
}

/**
 * What a resource that sends over a path takes of the machines and the path, and what it waits for.
 *
 * @param type class of the component, for its errors
 * @param cpusAt where the generator's CPUs stand among its arguments
 * @throws InputError `component-inputs`
 */
export function overPath(
  type: string,
  name: string,
  choice: Choice & Pick<GeneratorArgs, "on">,
  { over, systemUnderTest, after = [], rerunOn = [] }: OverPathArgs,
  cpusAt?: string,
) {
  const { on } = choice;
  const forwarding = forwardingOn(systemUnderTest);
  const [from, to] = checkedPorts(type, name, choice, over, cpusAt);
  return {
    inputs: {
      host: on.reference,
      ...declaredOf(on),
      name,
      from,
      ...(to !== undefined && { to }),
      ...forwarding.inputs,
      triggers: [on.bootId, ...forwarding.triggers, ...rerunOn],
    },
    dependsOn: [...on.preparation, ...forwarding.preparation, ...(over.ready ?? []), ...after],
  };
}

/** The traffic program as a resource takes it. */
export function programOf({
  tool,
  cpus,
  memory,
  hugepages,
  idle,
}: Choice & { readonly tool: Tool }): Wired<TrafficProgram> {
  return {
    ...{ kind: "nfvlab" as const, program: tool.path, cpus },
    ...(memory !== undefined && { memory }),
    ...(hugepages !== undefined && { hugepages }),
    ...(idle !== undefined && { idle }),
  };
}

/** The generator as a resource takes it. */
export function generatorOf(choice: Choice & Pick<GeneratorArgs, "tool">): Wired<SearchGenerator> {
  const { tool, cpus, memory, hugepages, stampedRate } = choice;
  if (tool === "testpmd")
    return {
      ...{ kind: tool, cpus },
      ...(memory !== undefined && { memory }),
      ...(hugepages !== undefined && { hugepages }),
    };
  if (!(tool instanceof Trex)) return programOf({ ...choice, tool });
  const { program, path, version } = tool;
  return {
    ...{ kind: "trex" as const, program, path, version, cpus },
    ...(memory !== undefined && { memory }),
    ...(stampedRate !== undefined && { stampedRate }),
  };
}

/**
 * The ports that a generator opens at both ends of a path.
 *
 * @param type class of the component, for its errors
 * @param cpusAt where the generator's CPUs stand among its arguments
 * @throws InputError `component-inputs`
 */
function checkedPorts(
  type: string,
  name: string,
  choice: Choice,
  over: TrafficPath,
  cpusAt = "cpus",
): readonly [Wired<TrafficPort>, Wired<TrafficPort> | undefined] {
  const check = new InputCheck(type, name);
  check.someCpus(cpusAt, choice.cpus);
  const kind = kindOf(choice.tool);
  for (const option of ALL_OPTIONS)
    if (choice[option] !== undefined && !OPTIONS[kind].includes(option))
      check.wrong({
        code: "generator-option",
        property: cpusAt.replace(/cpus$/, option),
        problem: `${kind} has no such setting`,
        observed: `${choice[option]}`,
        expected: OPTIONS[kind].join(", ") || "none of these",
      });
  const ports = pathPorts(check, "over", over);
  check.done();
  return ports;
}

/** The ports that a generator opens at both ends of a path; notes an end that has none. */
export function pathPorts(
  check: InputCheck,
  property: string,
  { from, to }: TrafficPath,
): readonly [Wired<TrafficPort>, Wired<TrafficPort> | undefined] {
  const port = (name: string, end: NonNullable<TrafficPath["to"]>) => {
    if ("trafficPort" in end && end.trafficPort !== undefined) return end.trafficPort;
    check.wrong({
      code: "traffic-end",
      property: `${property}.${name}`,
      problem: "a generator on the host has no port to open there",
      observed:
        "vnf" in end ? `${end.vnf.name}, a network function` : ("name" in end && end.name) || "an end",
      expected: "an end with a trafficPort, for instance switchedEnd(name, bridge, port)",
    });
    return { kind: "null" as const };
  };
  return [port("from", from), to && port("to", to)];
}
