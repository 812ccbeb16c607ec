import { LabError } from "../units/errors.ts";
import { RESULTS_USAGE, results } from "./results/results.ts";
import { REVIEW_USAGE, review } from "./review.ts";
import { SUMMARY_USAGE, summary } from "./summary.ts";

const [command, ...rest] = process.argv.slice(2);
try {
  if (command === "summary") process.stdout.write(await summary(rest, process.cwd()));
  else if (command === "results") process.stdout.write(await results(rest, process.cwd()));
  else if (command === "review") {
    const { said, code } = review(rest, process.cwd());
    process.stdout.write(said);
    process.exitCode = code;
  } else {
    const usages = [SUMMARY_USAGE, REVIEW_USAGE, RESULTS_USAGE].map((usage) => usage.replace("usage: ", ""));
    process.stderr.write(`usage: ${usages.join(" | ")} | nfvlab policies [NAME]\n`);
    process.exitCode = 2;
  }
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  // Of a review 1 says that a policy blocks.
  process.exitCode = error.code === "usage" || command === "review" ? 2 : 1;
}
