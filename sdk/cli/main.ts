import { LabError } from "../units/errors.ts";
import { SUMMARY_USAGE, summary } from "./summary.ts";

const [command, ...rest] = process.argv.slice(2);
try {
  if (command === "summary") process.stdout.write(summary(rest, process.cwd()));
  else {
    process.stderr.write(`${SUMMARY_USAGE}\n`);
    process.exitCode = 2;
  }
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code === "usage" ? 2 : 1;
}
