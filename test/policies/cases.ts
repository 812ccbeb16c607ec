import type { PolicyCases } from "../../policies/testing.ts";
import { casesOfCpus } from "./cases-of-cpus.ts";
import { casesOfDevices } from "./cases-of-devices.ts";
import { casesOfEvidence } from "./cases-of-evidence.ts";
import { casesOfTexts } from "./cases-of-texts.ts";

/** Four cases for each policy, by its name. */
export const cases: Readonly<Record<string, PolicyCases>> = {
  ...casesOfCpus,
  ...casesOfDevices,
  ...casesOfTexts,
  ...casesOfEvidence,
};
