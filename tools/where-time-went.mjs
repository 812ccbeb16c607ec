const shown = 10;

/**
 * Seconds that the engine spent on each resource, from its event log (one JSON event a line, times in whole seconds). What it only looked at
 * is left out.
 */
export function resourceTimes(eventLog) {
  const started = new Map();
  const times = [];
  for (const line of eventLog.split("\n")) {
    if (
      !line.includes('"resourcePreEvent"') &&
      !line.includes('"resOutputsEvent"') &&
      !line.includes('"resOpFailedEvent"')
    )
      continue;
    const event = JSON.parse(line);
    const { urn, op } = (event.resourcePreEvent ?? event.resOutputsEvent ?? event.resOpFailedEvent).metadata;
    if (event.resourcePreEvent !== undefined) started.set(`${op} ${urn}`, event.timestamp);
    else if (op !== "same" && started.has(`${op} ${urn}`)) {
      times.push({ name: `${op} ${shortName(urn)}`, seconds: event.timestamp - started.get(`${op} ${urn}`) });
    }
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
