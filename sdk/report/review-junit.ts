import { escapeText as xml } from "./escape.ts";
import { blocking, type Review, type ReviewedFinding, type ReviewedPolicy } from "./review.ts";

/** The review as JUnit's XML: a pack is a suite, a policy a case; a case fails where a mandatory policy is violated. A preview that failed is an error. */
export function renderReviewJunit(review: Review): string {
  const { project, stack, policies, errors } = review;
  const packs = [...new Set(policies.map(({ pack }) => pack))];
  const failed = new Set(blocking(review).map(({ policy }) => policy)).size;
  const cases = policies.length + (errors.length > 0 ? 1 : 0);
  const suites = [
    ...(errors.length === 0
      ? []
      : [
          '  <testsuite name="preview" tests="1" failures="0" errors="1" skipped="0">',
          '    <testcase classname="preview" name="preview">',
          `      <error message="the preview failed">${xml(errors.join("\n\n"))}</error>`,
          "    </testcase>",
          "  </testsuite>",
        ]),
    ...packs.flatMap((pack) => suite(pack, review)),
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${xml(`${project}/${stack}`)}" tests="${cases}" failures="${failed}" errors="${errors.length > 0 ? 1 : 0}">`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

function suite(pack: string, { policies, findings }: Review): string[] {
  const here = policies.filter((policy) => policy.pack === pack);
  const count = (verdict: ReviewedPolicy["verdict"]) =>
    here.filter((policy) => policy.verdict === verdict).length;
  return [
    `  <testsuite name="${xml(pack)}" tests="${here.length}" failures="${count("violated")}" errors="0" skipped="${count("silent")}">`,
    ...here.flatMap((policy) =>
      testcase(
        policy,
        findings.filter((finding) => finding.policy === policy.name),
      ),
    ),
    "  </testsuite>",
  ];
}

function testcase({ name, pack, verdict }: ReviewedPolicy, findings: readonly ReviewedFinding[]): string[] {
  const open = `    <testcase classname="${xml(pack)}" name="${xml(name)}"`;
  if (verdict === "holds") return [`${open}/>`];
  if (verdict === "silent") {
    return [
      `${open}>`,
      '      <skipped message="does not apply here, is disabled, or was not judged"/>',
      "    </testcase>",
    ];
  }
  const of = (level: ReviewedFinding["level"]) => findings.filter((finding) => finding.level === level);
  const [violations, advice] = [of("mandatory"), of("advisory")];
  const [first] = violations;
  return [
    `${open}>`,
    ...(first === undefined
      ? []
      : [`      <failure message="${xml(first.found)}">${xml(violations.map(said).join("\n\n"))}</failure>`]),
    ...(advice.length === 0 ? [] : [`      <system-out>${xml(advice.map(said).join("\n\n"))}</system-out>`]),
    "    </testcase>",
  ];
}

function said({ found, allowed, fix, source, resource, place: { file, line } }: ReviewedFinding): string {
  const at = line === undefined ? file : `${file}:${line}`;
  return [
    found,
    ...(allowed === "" ? [] : [`allowed: ${allowed}`]),
    `where: ${[at, resource].filter((part) => part !== "").join(", resource ")}`,
    ...(fix === "" ? [] : [`fix: ${fix}`]),
    ...(source === "" ? [] : [`source: ${source}`]),
  ].join("\n");
}
