import { InputError, LabError } from "../units/errors.ts";
import { RESULTS_HELP, results } from "./results/results.ts";
import { REVIEW_HELP, review } from "./review.ts";
import { SUMMARY_HELP, summary } from "./summary.ts";

const HELP = `usage: nfvlab COMMAND

  summary STACK     sum up what a stack has measured, and write its report
  results           list, show, compare or export records of runs
  review            preview a stack under the policies, for a pull request
  policies [NAME]   list the policies, or say why one of them is there

nfvlab COMMAND --help says more of one.
`;

const HELPS: Readonly<Record<string, string>> = {
  summary: SUMMARY_HELP,
  results: RESULTS_HELP,
  review: REVIEW_HELP,
};

const [command = "", ...rest] = process.argv.slice(2);
const isHelp = (word: string) => word === "--help" || word === "-h";
try {
  if (isHelp(command) || command === "help") process.stdout.write(HELP);
  else if (rest.some(isHelp) && Object.hasOwn(HELPS, command)) process.stdout.write(HELPS[command] ?? "");
  else if (command === "summary") process.stdout.write(await summary(rest, process.cwd()));
  else if (command === "results") process.stdout.write(await results(rest, process.cwd()));
  else if (command === "review") {
    const { said, code } = review(rest, process.cwd());
    process.stdout.write(said);
    process.exitCode = code;
  } else if (command === "") {
    process.stderr.write(HELP);
    process.exitCode = 2;
  } else {
    throw new InputError({
      code: "usage",
      problem: "there is no such command",
      observed: command,
      expected: `${Object.keys(HELPS).join(", ")} or policies`,
      hint: "nfvlab --help says what each does",
    });
  }
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  // Of a review 1 says that a policy blocks.
  process.exitCode = error.code === "usage" || command === "review" ? 2 : 1;
}
