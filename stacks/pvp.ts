/** Frames from a port through one guest to another port (PVP): the switch polls, the guest's kernel forwards. */
import { switchedTestbed } from "./switched-testbed.ts";

const { vnfs, measure } = switchedTestbed(["vnf"]);

export const { deployment, drawing, frames, results } = measure("pvp", vnfs);
