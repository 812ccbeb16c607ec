import { join } from "node:path";
import fc from "fast-check";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { drawCpuMaps } from "../../sdk/report/cpu-picture.ts";
import { markdownCode, markdownText } from "../../sdk/report/markdown.ts";
import type { Review } from "../../sdk/report/review.ts";
import { renderReviewJunit } from "../../sdk/report/review-junit.ts";
import { renderReviewMarkdown } from "../../sdk/report/review-markdown.ts";
import { renderReviewSarif } from "../../sdk/report/review-sarif.ts";
import { outcomeOf } from "../../sdk/report/review-words.ts";
import { SarifLog } from "../cli/sarif.ts";
import { workedReview } from "./worked-review.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/report", name);
const markdown = (review: Review) => renderReviewMarkdown(review, "cpu-map.svg");
const sarif = (review: Review) => SarifLog.parse(JSON.parse(renderReviewSarif(review, "0.1.0")));
const run = (review: Review) => {
  const [first] = sarif(review).runs;
  if (first === undefined) throw new Error("a log of one run");
  return first;
};
const junit = (review: Review) =>
  new XMLParser({ ignoreAttributes: false, processEntities: true }).parse(renderReviewJunit(review));

const failed: Review = {
  ...workedReview,
  outcome: "failed",
  errors: ["Running program 'lab.ts' failed:\nError: ```no such rack```\n    at lab.ts:3"],
  findings: [],
  policies: workedReview.policies.map((policy) => ({ ...policy, verdict: "silent" })),
};

/** The same review with every text changed that comes from outside. */
function named(review: Review, name: string): Review {
  const own = new Set(["action", "kind", "level", "verdict", "outcome", "role", "until"]);
  const change = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return own.has(key) || value === "" ? value : `${value}${name}`;
    if (Array.isArray(value)) return value.map((item) => change(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, change(item, field)]));
  };
  return change(review, "") as Review;
}

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "`",
    "``` ",
    "|",
    "<script>",
    "]]>",
    "&amp;",
    "\n# title",
    "\n- item",
    "](x)",
    "\u0000",
    "\uD800",
    "\u2028",
    "-->",
    "**",
    "__",
  ),
);

describe("the worked review", () => {
  it("is told in Markdown", async () => {
    await expect(markdown(workedReview)).toMatchFileSnapshot(golden("review.md"));
  });
  it("is told as SARIF", async () => {
    await expect(renderReviewSarif(workedReview, "0.1.0")).toMatchFileSnapshot(golden("review.sarif"));
  });
  it("is told as JUnit's XML", async () => {
    await expect(renderReviewJunit(workedReview)).toMatchFileSnapshot(golden("review.junit.xml"));
  });
  it("draws CPUs before and after", async () => {
    await expect(drawCpuMaps(workedReview)).toMatchFileSnapshot(golden("review.svg"));
  });
  it("draws them for what knows no variables of CSS, as most viewers of pictures do not", () => {
    expect(drawCpuMaps(workedReview)).not.toMatch(/var\(|--\w/);
  });
  it("says why a preview failed", async () => {
    await expect(markdown(failed)).toMatchFileSnapshot(golden("review-failed.md"));
  });
});

describe("SARIF", () => {
  it("has a rule for each policy, and each result points at its own", () => {
    const { tool, results } = run(workedReview);
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(workedReview.policies.map(({ name }) => name));
    for (const { ruleId, ruleIndex = -1 } of results) expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
  });

  it("blocks by errors, and suppresses what somebody answers for", () => {
    expect(run(workedReview).results.map(({ level, suppressions }) => [level, suppressions?.length])).toEqual(
      [
        ["error", undefined],
        ["note", 1],
        ["note", undefined],
      ],
    );
  });

  it("knows a finding again wherever it has moved to in the program", () => {
    const moved = workedReview.findings.map((finding) => ({
      ...finding,
      place: { ...finding.place, file: "other.ts", line: 99 },
    }));
    const prints = (review: Review) =>
      run(review).results.map(({ partialFingerprints }) => partialFingerprints);
    expect(prints({ ...workedReview, findings: moved })).toEqual(prints(workedReview));
    expect(new Set(prints(workedReview).map((each) => JSON.stringify(each))).size).toBe(3);
  });

  it("says of a preview that failed that it did", () => {
    const [invocation] = run(failed).invocations;
    expect(invocation?.executionSuccessful).toBe(false);
    expect(invocation?.toolExecutionNotifications[0]?.message.text).toContain("no such rack");
  });
});

describe("JUnit's XML", () => {
  it("counts what it holds", () => {
    for (const review of [workedReview, failed, named(workedReview, "x")]) {
      const { testsuites } = junit(review);
      const suites = [testsuites.testsuite].flat();
      const cases = suites.flatMap((suite) => [suite.testcase].flat());
      expect(Number(testsuites["@_tests"])).toBe(cases.length);
      expect(Number(testsuites["@_failures"])).toBe(cases.filter((each) => "failure" in each).length);
      expect(Number(testsuites["@_errors"])).toBe(cases.filter((each) => "error" in each).length);
    }
  });
});

describe("texts from outside", () => {
  it("change no structure of the Markdown", () => {
    const shape = (text: string) =>
      text
        .split("\n")
        .map((line) => [
          /^(#+ |- |\| |\*\*|```|!\[|✗|!|$)?/.exec(line)?.[0],
          line.startsWith("|") ? line.replaceAll("\\|", "").split("|").length : 0,
        ]);
    fc.assert(
      fc.property(hostile, (name) => {
        // The pictures of CPUs are in a block of their own, which a name may make wider, not longer.
        const [changed, plain] = [named(workedReview, name), workedReview].map(
          (review) => markdown(review).split("```text")[0] ?? "",
        );
        expect(shape(changed ?? "")).toEqual(shape(plain ?? ""));
        const outsideCode = (changed ?? "").replaceAll(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "");
        expect(outsideCode).not.toMatch(/<(?!br>)/);
      }),
      { numRuns: 300 },
    );
  });

  it("end no block that shows them as they are", () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1 }), (parts) => {
        const text = markdown({ ...failed, errors: [parts.join("")], before: [], after: [] });
        const [, fence = ""] = /\n(`{3,})text\n/.exec(text) ?? [];
        expect(text.split("\n").filter((line) => line.startsWith(fence))).toHaveLength(2);
      }),
      { numRuns: 300 },
    );
  });

  it("leave XML, SVG and SARIF sound", () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const review = named({ ...workedReview, errors: ["no"] }, name);
        expect(XMLValidator.validate(renderReviewJunit(review))).toBe(true);
        expect(XMLValidator.validate(drawCpuMaps(review))).toBe(true);
        expect(() => run(review)).not.toThrow();
        expect(renderReviewSarif(review, "1")).not.toMatch(/\\ud[89a-f][0-9a-f]{2}/i);
      }),
      { numRuns: 100 },
    );
  });

  it("stay what they were within code, and readable in text", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9 .:"()/`-]{1,40}$/), (text) => {
        const code = markdownCode(text);
        const [, , inner = ""] = /^(`+) ?(.*?) ?\1$/.exec(code) ?? [];
        expect(inner.trim()).toBe(text.trim());
      }),
    );
    expect(markdownText('vcpuPins[0] "2" of vnf-domain')).toBe('vcpuPins[0] "2" of vnf-domain');
    expect(markdownText("[text](there) a_b _c_")).toBe("[text\\](there) a_b \\_c\\_");
  });
});

describe("the outcome", () => {
  it("is said in one sentence", () => {
    expect(outcomeOf(workedReview)).toBe(
      "Blocked: 1 mandatory policy is violated, in 1 finding. 2 findings are advice.",
    );
    expect(outcomeOf({ ...workedReview, outcome: "passes", findings: [] })).toBe("Nothing blocks.");
    expect(outcomeOf(failed)).toBe("The preview failed, so nothing is judged as a whole.");
  });

  it("of a plan that changes nothing says so", () => {
    const nothing: Review = {
      ...workedReview,
      outcome: "passes",
      changes: [],
      costs: [],
      notes: [],
      findings: [],
    };
    expect(markdown(nothing)).toContain("Nothing changes. 1 resource stays as it is.");
    expect(markdown(nothing)).toContain("Nothing is restarted, rebooted, unbound or installed.");
    expect(markdown(nothing)).not.toContain("## Findings");
  });
});
