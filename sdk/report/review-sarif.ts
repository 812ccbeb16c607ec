import { createHash } from "node:crypto";
import type { Review, ReviewedFinding, ReviewedPolicy } from "./review.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** The folder that paths are relative to. */
const ROOT = "%SRCROOT%";

/** How much each severity of a policy weighs among alerts, 0 to 10, as code hosts rank them. */
const WEIGHTS: Readonly<Record<string, string>> = { critical: "9.5", high: "8.0", medium: "5.5", low: "3.0" };

/**
 * The review as SARIF 2.1.0: policies are its rules, findings its results. A finding that somebody answers for is a suppressed result. Paths are
 * relative to the project's folder, whose place only the reader knows.
 */
export function renderReviewSarif(review: Review, version: string): string {
  const { policies, findings, errors, outcome } = review;
  const rules = new Map(policies.map((policy, index) => [policy.name, { index, policy }]));
  const log = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "nfvlab", version, rules: policies.map(ruleOf) } },
        automationDetails: { id: `nfvlab/${review.project}/${review.stack}/` },
        originalUriBaseIds: { [ROOT]: { description: { text: "The folder of the project." } } },
        invocations: [
          {
            executionSuccessful: outcome !== "failed",
            toolExecutionNotifications: errors.map((text) => ({
              level: "error",
              message: { text: text },
            })),
          },
        ],
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => resultOf(finding, rules.get(finding.policy)?.index)),
      },
    ],
  };
  return `${JSON.stringify(log, (_, value) => (typeof value === "string" ? sound(value) : value), 2)}\n`;
}

function ruleOf({ name, description, severity, remediation, source }: ReviewedPolicy): object {
  const weight = WEIGHTS[severity];
  const [link] = /https?:\/\/[^\s()<>"]+/.exec(source) ?? [];
  return {
    id: name,
    shortDescription: { text: description || name },
    ...(remediation !== "" && { help: { text: remediation } }),
    ...(link !== undefined && { helpUri: link }),
    properties: {
      tags: ["nfvlab"],
      ...(severity !== "" && { severity }),
      ...(weight !== undefined && { "security-severity": weight }),
    },
  };
}

function resultOf(finding: ReviewedFinding, ruleIndex: number | undefined): object {
  const { policy, level, found, fix, resource, urn, chain, host, place, exception } = finding;
  const advice = fix === "" ? "" : ` ${fix}`;
  return {
    ruleId: policy,
    ...(ruleIndex !== undefined && { ruleIndex }),
    level: level === "mandatory" ? "error" : "note",
    message: { text: `${found}${advice}` },
    locations: [
      {
        ...(place.file !== "" && {
          physicalLocation: {
            artifactLocation: { uri: encodeURI(sound(place.file)), uriBaseId: ROOT },
            ...(place.line !== undefined && { region: { startLine: place.line } }),
          },
        }),
        ...(urn !== "" && {
          logicalLocations: [{ name: resource, fullyQualifiedName: urn, kind: "resource" }],
        }),
      },
    ],
    // The same finding of the next plan is the same alert, whatever its place in the program is by then.
    partialFingerprints: {
      "finding/v1": createHash("sha256").update([policy, urn, found].join("\0")).digest("hex"),
    },
    ...(exception !== undefined && {
      suppressions: [
        {
          kind: "external",
          status: "accepted",
          justification: `${exception.owner}, until ${exception.until}: ${exception.reason}`,
        },
      ],
    }),
    properties: { host: host, chain: chain },
  };
}

/** JSON can hold half a surrogate pair; readers of UTF-8 can't. */
function sound(text: string): string {
  return text.replaceAll(/\p{Cs}/gu, "\uFFFD");
}
