import { LabError } from "../sdk/units/errors.ts";
import { catalogueText } from "./catalogue.ts";

/** `nfvlab policies [NAME]`. */
const [, , , name, ...more] = process.argv;
if (more.length > 0) {
  process.stderr.write("usage: nfvlab policies [NAME]\n");
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
