import { wrongCpus } from "./wrong-cpus.ts";
import { wrongDevices } from "./wrong-devices.ts";
import { wrongMeasurements } from "./wrong-measurements.ts";
import type { WrongProgram } from "./wrong-program.ts";

/** Mistakes that are made, one a program. */
export const wrongPrograms: readonly WrongProgram[] = [...wrongCpus, ...wrongDevices, ...wrongMeasurements];
