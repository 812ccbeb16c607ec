import type { ReportedLoad } from "../report/experiment.ts";
import type { ResultRecord } from "../schema/record.ts";
import { frameText } from "../units/frames.ts";
import { distributionOf, isDistribution } from "./distributions.ts";

/** Latency of a record by frame size and direction, at each share of the throughput that it was measured at. */
export function loadsOf({ trials = [], metrics }: Pick<ResultRecord, "trials" | "metrics">): ReportedLoad[] {
  const found = metrics.filter(isDistribution).flatMap((metric) => {
    const [, frame = "", percent = "", direction = ""] =
      /^latency\.([^.]+)\.(\d+)\.(\w+)$/.exec(metric.name) ?? [];
    return direction === "" ? [] : [{ frame, direction, percent: Number(percent), metric }];
  });
  return [...new Set(found.map(({ frame, direction }) => `${frame}.${direction}`))].map((key) => {
    const those = found.filter(({ frame, direction }) => `${frame}.${direction}` === key);
    const [{ frame = "", direction = "" } = {}] = those;
    // A trial does not tell its share, but each share has one, in their order.
    const loads = trials.filter((trial) => trial.purpose === "latency" && trial.frame === frame);
    return {
      frame: frameText(frame === "imix" ? frame : Number(frame)),
      direction,
      points: those
        .map(({ percent, metric }, index) => ({
          percent,
          loadPps: loads.length === those.length ? (loads[index]?.loadPps ?? null) : null,
          metric: distributionOf(metric),
        }))
        .sort((one, other) => one.percent - other.percent),
    };
  });
}
