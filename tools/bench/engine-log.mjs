import { ToolError } from "../tool-error.mjs";

/**
 * What the engine asked its plugins to create, as its log of gRPC calls has it (`PULUMI_DEBUG_GRPC`): each with when it was asked, how long it took, and what it became.
 *
 * @returns in ms since 1970, by the engine's clock
 */
export function createsIn(log) {
  return log
    .split("\n")
    .filter((line) => line.includes('"/pulumirpc.ResourceProvider/Create"'))
    .map((line) => JSON.parse(line))
    .filter(({ progress }) => progress === "response_completed")
    .map(({ request, response, errors, timestamp, duration }) => {
      const { urn } = request;
      if (response === undefined || errors !== undefined)
        throw new ToolError(`${urn} was not made: ${errors?.join("; ") ?? "no answer"}`);
      const endMs = epochMs(timestamp);
      const ms = duration / 1e6;
      if (!(ms > 0 && endMs > ms)) throw new ToolError("this engine's log of calls tells no times");
      return { urn, startMs: endMs - ms, endMs, properties: response.properties };
    });
}

/** Go writes as many decimals as there are; Date drops what it has no room for. */
function epochMs(timestamp) {
  const fraction = /\.(\d+)/.exec(timestamp)?.[1] ?? "0";
  return Math.floor(Date.parse(timestamp) / 1000) * 1000 + Number(`0.${fraction}`) * 1000;
}

/**
 * Where the time of a benchmark's job went, s. Its record says when the look before was over and how long the run took; what is left are the two looks.
 *
 * @param toolSeconds of the run, what the tool itself took
 */
export function partsOf({ startMs, endMs, properties: { record } }, toolSeconds) {
  const [begunMs, runMs] = [Date.parse(record.startedAt), record.durationMs];
  const seconds = (ms) => ms / 1000;
  return {
    whole: seconds(endMs - startMs),
    before: seconds(begunMs - startMs),
    tool: toolSeconds,
    around: seconds(runMs) - toolSeconds,
    after: seconds(endMs - begunMs - runMs),
  };
}
