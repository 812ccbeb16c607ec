import { parseArgs } from "node:util";
import { ToolError } from "../tool-error.mjs";

const usage = `npm run bench -- [--runs 3] [--sizes 1,10,100] [--parts planner,policies,switch]

  --runs    how often each step is timed; the table shows medians
  --sizes   numbers of resources on the host, each up to 1000
  --parts   planner: the CPU planner; policies: the packs on ten thousand resources;
            switch: resources on one host beside Ansible;
            guests: 100 ports and 20 guests on an emulated server, which takes minutes;
            tuning: a tuned host beside Ansible and TuneD, on an emulated server, which takes minutes;
            overhead: a benchmark's job beside its tool alone, on an emulated server, which takes minutes`;

const allParts = ["planner", "policies", "switch", "guests", "tuning", "overhead"];
const usualParts = ["planner", "policies", "switch"];

/** The options of the command line; undefined where it asked for help and has it now. */
export function readOptions(args) {
  const { runs, sizes, parts, help } = parse(args);
  if (help) {
    console.log(usage);
    return undefined;
  }
  return {
    runs: wholeNumber("--runs", runs, 100),
    sizes: sizes.split(",").map((size) => wholeNumber("--sizes", size, 1000)),
    parts: parts.split(",").map(partNamed),
  };
}

function parse(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        runs: { type: "string", default: "3" },
        sizes: { type: "string", default: "1,10,100" },
        parts: { type: "string", default: usualParts.join(",") },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    throw new ToolError(`${error.message}\n${usage}`);
  }
}

function wholeNumber(flag, text, most) {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new ToolError(`${flag}: ${JSON.stringify(text)} is no whole number from 1 to ${most}.\n${usage}`);
}

function partNamed(text) {
  if (allParts.includes(text)) return text;
  throw new ToolError(`--parts: ${JSON.stringify(text)} is none of ${allParts.join(", ")}.\n${usage}`);
}
