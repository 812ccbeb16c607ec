import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { clone } from "./clone.mjs";
import { runTool } from "./tool-error.mjs";

/**
 * What a run of vitest amounts to, from its JSON report: counts of tests, and the names of those skipped. A file that could not be run
 * counts as one failed test, and so does a run that failed for any other reason, so that a failure can't hide behind a zero.
 */
export function verdict(report, exitCode) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: [] };
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status, fullName }) => ({
      status,
      name: `${relative(clone, name)}: ${fullName}`,
    })),
  );
  const count = (status) => tests.filter((test) => test.status === status).length;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = count("failed") + brokenFiles;
  return {
    passed: count("passed"),
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: tests.filter(({ status }) => status !== "passed" && status !== "failed").map(({ name }) => name),
  };
}

/** The lines printed of it; the last is `N passed, N failed`, with `, N skipped` where some were. */
export function verdictLines({ passed, failed, skipped }) {
  return [
    ...skipped.map((name) => `SKIPPED: ${name}`),
    `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runTool(([file, exitCode]) => {
    const result = verdict(read(file), Number(exitCode));
    console.log(verdictLines(result).join("\n"));
    return result.failed > 0 ? 1 : 0;
  });
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return undefined;
  }
}
