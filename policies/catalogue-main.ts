import { LabError } from "../sdk/units/errors.ts";
import { catalogueText } from "./catalogue.ts";

/** `nfvlab policies [NAME]`. */
const USAGE = "usage: nfvlab policies [NAME]\n";
const HELP = `${USAGE}
Lists the policies, each with its level, its severity and what holds where it passes; with NAME says why that one is there,
what to change where it fails, and what it can be configured to.

More: docs/policies.md, policies/README.md
`;

const [, , , name, ...more] = process.argv;
if ([name, ...more].some((each) => each === "--help" || each === "-h")) {
  process.stdout.write(HELP);
} else if (more.length > 0) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  try {
    process.stdout.write(catalogueText(name));
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}
