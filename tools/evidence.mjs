const told = /"(policyEvent|policyAnalyzeSummaryEvent|policyAnalyzeStackSummaryEvent|summaryEvent)"/;

/**
 * What the engine judged, by its events, one JSON object a line: from an event log, or from `pulumi policy analyze --json`. `judged` names the
 * policies that were applied, which only an event log tells; `isWhole` says whether it got as far as the whole stack. A preview's judgement
 * does not count. Undefined where the engine came to no end.
 */
export function judgement(events) {
  let result;
  let current = { findings: [], judged: new Set(), isWhole: false };
  for (const line of events.split("\n")) {
    if (!told.test(line)) continue;
    const { policyEvent, policyAnalyzeSummaryEvent, policyAnalyzeStackSummaryEvent, summaryEvent } =
      JSON.parse(line);
    if (policyEvent !== undefined) current.findings.push(finding(policyEvent));
    if (policyAnalyzeStackSummaryEvent !== undefined) current.isWhole = true;
    const { passed = [], failed = [] } = policyAnalyzeSummaryEvent ?? policyAnalyzeStackSummaryEvent ?? {};
    for (const name of [...passed, ...failed]) current.judged.add(name);
    if (summaryEvent === undefined) continue;
    if (summaryEvent.isPreview === false) result = current;
    current = { findings: [], judged: new Set(), isWhole: false };
  }
  return result;
}

/**
 * The verdicts on a stack, as the report reads them: what was found, worst first, then the policies that hold. Policies that are disabled or
 * don't apply are in neither. The findings are those of the analysis, where there was one. Undefined where nothing judged the whole stack.
 */
export function verdicts(update, analysis) {
  if (!update?.isWhole) return undefined;
  const { findings } = analysis ?? update;
  const open = new Set(findings.map(({ policy }) => policy));
  const of = (wanted) => findings.filter(({ level }) => level === wanted);
  const held = [...update.judged].filter((name) => !open.has(name)).sort();
  return [
    ...of("mandatory"),
    ...of("advisory"),
    ...held.map((policy) => ({ policy, level: "mandatory", message: "", passed: true })),
  ];
}

/** The findings for people, a line each; or that there are none. */
export function findingLines({ findings }) {
  if (findings.length === 0) return ["  every policy holds"];
  return findings.map(({ policy, level, message }) => `  ${level} ${policy}: ${message}`);
}

function finding({ policyName, enforcementLevel, message }) {
  const lines = message.trim().split("\n");
  // The engine puts the policy's description before what a policy says, but not before what it says at a level of its own.
  const said = lines.length > 1 ? lines.slice(1) : lines;
  const level = enforcementLevel === "advisory" ? "advisory" : "mandatory";
  return { policy: policyName, level, message: said.join(" "), passed: false };
}
