import {
  brokenGoal,
  type DensityFound,
  type DensityGoal,
  densityMetrics,
  densityRemarks,
  nextRung,
  type TriedRung,
} from "../measure/density.ts";
import { availableMemory } from "../observe/available-memory.ts";
import { type DensityRung, parseDensity } from "../observe/density.ts";
import { guestPlatform } from "../observe/guest-platform.ts";
import { hugepagePools } from "../observe/hugepages.ts";
import { unitOf } from "../plan/benchmarks.ts";
import {
  type DensityPlan,
  densityFailure,
  densityRoom,
  firstBroken,
  keptFree,
  outOfTime,
  planDensity,
} from "../plan/density.ts";
import type { Inputs } from "../schema/definition.ts";
import type { density } from "../schema/density.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { Operation } from "./handler.ts";
import type { Measured } from "./measuring.ts";
import type { RawOutputs } from "./raw-outputs.ts";
import { runUnit } from "./unit-program.ts";

type DensityInputs = Inputs<typeof density>;

interface Found extends DensityFound {
  readonly rung: DensityRung | undefined;
}

const probes = { available: availableMemory, pools: hugepagePools, platform: guestPlatform };

/**
 * Seeks how many instances a machine carries, once for each repetition.
 *
 * @throws HostError `density-room`, `density-first`, `density-program`, `density-limit`, `benchmark-failed`, `parse`
 */
export async function seekDensity(
  operation: Operation,
  inputs: DensityInputs,
  facts: HostFacts,
  raw: RawOutputs,
): Promise<Measured> {
  const host = operation.host(inputs.host);
  const { platform, ...memory } = await host.observeNow(probes);
  const { tag } = operation;
  const plan = planDensity(inputs, { unit: unitOf(tag, inputs.name), tag, cpuFlags: platform.cpuFlags });
  const seen = { name: host.name, facts, ...memory };
  const room = densityRoom(inputs, seen);
  const goal = { ...plan, keptFreeKib: keptFree(inputs, seen) };
  const found: Found[] = [];
  while (found.length < plan.repetitions) {
    const start = { first: found.at(-1)?.count ?? 1, room: room.most };
    found.push(await seekOnce(operation, inputs, { plan, goal, start, raw, repetition: found.length + 1 }));
  }
  const { kind } = inputs.instances;
  return {
    metrics: densityMetrics(kind, found, goal),
    remarks: densityRemarks(found, room),
    tool: { command: plan.command, version: versionOf(kind, found, facts) },
  };
}

function versionOf(kind: "guest" | "container", found: readonly Found[], { versions }: HostFacts): string {
  const rung = found.find((each) => each.rung !== undefined)?.rung;
  const runner =
    kind === "guest" ? `libvirt ${versions.libvirt ?? "unknown"}` : `LXC ${rung?.lxc ?? "unknown"}`;
  return rung?.cyclictest === undefined ? runner : `${runner}, cyclictest ${rung.cyclictest}`;
}

interface Search {
  readonly plan: DensityPlan;
  readonly goal: DensityGoal;
  readonly start: { readonly first: number; readonly room: number };
  readonly raw: RawOutputs;
  readonly repetition: number;
}

async function seekOnce(
  operation: Operation,
  inputs: DensityInputs,
  { plan, goal, start, raw, repetition }: Search,
): Promise<Found> {
  const host = operation.host(inputs.host);
  const begun = performance.now();
  const left = () => plan.limitSeconds - Math.ceil((performance.now() - begun) / 1000);
  const tried: TriedRung[] = [];
  let most: Omit<Found, "tried"> = { count: 0, rung: undefined };
  for (;;) {
    const count = nextRung(tried, start);
    if (count === undefined) return { ...most, tried };
    const seconds = left();
    if (seconds <= 0) throw outOfTime(inputs, tried);
    const last = tried.at(-1)?.broke;
    operation.status(
      `repetition ${repetition}/${plan.repetitions}: ${inputs.instances.kind}s beside each other: ${count}, held so far: ${most.count}${last === undefined ? "" : ` (${last})`}`,
    );
    const ran = await runUnit(operation, host, inputs.name, { ...plan.rung(count), seconds }, raw);
    if (ran.code !== 0) throw left() <= 0 ? outOfTime(inputs, tried) : densityFailure(inputs, ran);
    const rung = parseDensity(ran.stdout, count);
    const broke = brokenGoal(rung, goal);
    if (broke !== undefined && count === 1) firstBroken(inputs, rung);
    tried.push({ count, broke });
    if (broke === undefined && count > most.count) most = { count, rung };
  }
}
