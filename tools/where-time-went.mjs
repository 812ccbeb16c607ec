const shown = 10;
const resourceEvent = /"(resourcePreEvent|resOutputsEvent|resOpFailedEvent)"/;

/**
 * Seconds that the engine spent on each resource it changed, from its event log: one JSON event a line, with times in whole seconds. The
 * stack and its components are left out; they only wait for theirs.
 */
export function resourceTimes(eventLog) {
  const started = new Map();
  const times = [];
  for (const line of eventLog.split("\n")) {
    if (!resourceEvent.test(line)) continue;
    const { timestamp, resourcePreEvent, resOutputsEvent, resOpFailedEvent } = JSON.parse(line);
    const { urn, op, ...states } = (resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent).metadata;
    const step = `${op} ${urn}`;
    if (op === "same" || !(states.new ?? states.old).custom) continue;
    if (resourcePreEvent !== undefined) started.set(step, timestamp);
    else
      times.push({ name: `${op} ${shortName(urn)}`, seconds: timestamp - (started.get(step) ?? timestamp) });
  }
  return times;
}

/** Whether the engine got past the preview, by its event log. */
export function wasUpdated(eventLog) {
  return eventLog
    .split("\n")
    .some((line) => line.includes('"summaryEvent"') && JSON.parse(line).summaryEvent.isPreview === false);
}

/** The table printed at the end: each step with its time, and below the engine's the resources that took longest. */
export function timeTable(steps, resources, engineStep) {
  const slow = resources.filter(({ seconds }) => seconds >= 1).sort((a, b) => b.seconds - a.seconds);
  const rows = steps.flatMap(({ name, seconds }) => [
    [name, seconds.toFixed(1)],
    ...(name === engineStep
      ? slow.slice(0, shown).map((each) => [`  ${each.name}`, String(each.seconds)])
      : []),
  ]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    "Where the time went",
    ...rows.map(([name, seconds]) => `  ${name.padEnd(width)} ${seconds.padStart(7)} s`),
  ].join("\n");
}

function shortName(urn) {
  const [, , types, name] = urn.split("::");
  return `${types.split("$").at(-1)} ${name}`;
}
