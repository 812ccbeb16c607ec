import { lossRatio } from "../measure/search/search.ts";
import type { ReportedLoss, ReportedThroughput } from "../report/experiment.ts";
import type { ResultRecord } from "../schema/record.ts";
import { frameText } from "../units/frames.ts";

/** Loss by load of each frame size of a record, in the order of its trials: of those that count, and with what its metrics say was found. */
export function lossesOf({ trials = [], metrics }: Pick<ResultRecord, "trials" | "metrics">): ReportedLoss[] {
  const counted = trials.filter(({ purpose, faults }) => purpose === "search" && faults.length === 0);
  return [...new Set(counted.map(({ frame }) => frame))].map((frame) => ({
    frame: frameText(frame === "imix" ? frame : Number(frame)),
    trials: counted
      .filter((trial) => trial.frame === frame)
      .map((trial) => ({ loadPps: trial.loadPps, lossRatio: lossRatio(trial) })),
    found: foundOf(frame, metrics),
  }));
}

function foundOf(frame: string, metrics: ResultRecord["metrics"]): ReportedThroughput[] {
  const least = (name: string) => metrics.find((metric) => metric.name === name)?.min ?? null;
  const goals = metrics.flatMap(({ name }) => {
    const [room, of, goal, role] = name.split(".");
    return room === "throughput" && of === frame && goal !== undefined && role === undefined ? [goal] : [];
  });
  return goals.map((goal) => {
    const name = `throughput.${frame}.${goal}`;
    return {
      goal,
      throughputPps: least(name),
      lowerPps: least(`${name}.lower`),
      upperPps: least(`${name}.upper`),
    };
  });
}
