import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { clone } from "./clone.mjs";
import { runTool } from "./tool-error.mjs";

/** How much of a failure's message is told again; all of it stands further up, where vitest printed it. */
const LINES_OF_A_MESSAGE = 12;
const CHARACTERS_OF_A_LINE = 400;

/**
 * What a run of vitest amounts to, from its JSON report: counts of tests, the failures with their messages, and the names of those skipped.
 * A file that could not be run counts as one failed test, and so does a run that failed for any other reason, so that a failure can't hide
 * behind a zero.
 */
export function verdict(report, exitCode) {
  if (report === undefined) return { passed: 0, failed: 1, failures: [], skipped: [] };
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status, fullName, failureMessages }) => ({
      status,
      name: `${relative(clone, name)}: ${fullName}`,
      message: (failureMessages ?? []).join("\n"),
    })),
  );
  const having = (status) => tests.filter((test) => test.status === status);
  const brokenFiles = report.testResults
    .filter(
      (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
    )
    .map(({ name, message }) => ({ name: relative(clone, name), message: message ?? "" }));
  const failures = [...having("failed"), ...brokenFiles];
  return {
    passed: having("passed").length,
    failed: failures.length === 0 && exitCode !== 0 ? 1 : failures.length,
    failures: failures.map(({ name, message }) => ({ name, message })),
    skipped: tests.filter(({ status }) => status !== "passed" && status !== "failed").map(({ name }) => name),
  };
}

/**
 * The lines printed of it: what was skipped, then what failed, since of a long output the end is what is kept and read; the last is
 * `N passed, N failed`, with `, N skipped` where some were.
 */
export function verdictLines({ passed, failed, failures, skipped }) {
  return [
    ...skipped.map((name) => `SKIPPED: ${name}`),
    ...failures.flatMap(({ name, message }) => [
      `FAILED: ${name}`,
      ...told(message).map((line) => `  ${line}`),
    ]),
    `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`,
  ];
}

function told(message) {
  return stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(0, LINES_OF_A_MESSAGE)
    .map((line) => line.slice(0, CHARACTERS_OF_A_LINE));
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
