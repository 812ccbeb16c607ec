/** Frames from a port through two guests in a row to another port (PVVP): each crosses the switch three times. */
import { switchedTestbed } from "./switched-testbed.ts";

const { vnfs, measure } = switchedTestbed(["first", "second"]);

export const { deployment, drawing, frames, results } = measure("pvvp", vnfs);
