import { setupEngine } from "./bench/engine.mjs";
import { guestsLines, timeGuests } from "./bench/guests.mjs";
import { runInNamespaces } from "./bench/namespaces.mjs";
import { readOptions } from "./bench/options.mjs";
import { overheadLines, timeOverhead } from "./bench/overhead.mjs";
import { prepareAnsible, prepareSwitch } from "./bench/packages.mjs";
import { plannerLines, timePlanner } from "./bench/planner.mjs";
import { policiesLines, timePolicies } from "./bench/policies.mjs";
import { refuseWhereImpossible } from "./bench/requirements.mjs";
import { timeTuning, tuningLines } from "./bench/tuning.mjs";
import { Progress } from "./progress.mjs";
import { runTool } from "./tool-error.mjs";

/**
 * Times a `pulumi preview`, `refresh` and `up` that change nothing, for several numbers of resources on one host, beside Ansible that checks
 * the same state over the same sshd; ports and guests on an emulated server beside a connection for each; a whole tuned host beside Ansible and TuneD on an emulated server; a benchmark's
 * job beside its tool alone on an emulated server; the CPU planner, for one machine and for a thousand; and the policies, on ten thousand resources. Hosts, switch and state are made for this and taken away again.
 */
async function bench(args) {
  const options = readOptions(args);
  if (options === undefined) return 0;
  const { parts } = options;
  const progress = new Progress();
  const results = [];
  const isAsked = (part) => parts.includes(part);
  const beside = ["switch", "guests", "tuning", "overhead"].some(isAsked)
    ? await prepare(progress, isAsked)
    : {};
  if (isAsked("planner")) {
    await progress.step("CPU planner", async () => {
      results.push(...plannerLines(await timePlanner(options.runs)));
    });
  }
  if (isAsked("policies")) {
    await progress.step("policies", async () => {
      results.push("", ...policiesLines(await timePolicies(options.runs)));
    });
  }
  if (isAsked("guests")) {
    await progress.step("ports and guests", async (note) => {
      results.push("", ...guestsLines(await timeGuests({ ...options, ...beside }, note)));
    });
  }
  if (isAsked("tuning")) {
    await progress.step("tuned host", async (note) => {
      results.push("", ...tuningLines(await timeTuning({ ...options, ...beside }, note)));
    });
  }
  if (isAsked("overhead")) {
    await progress.step("overhead of a job", async (note) => {
      results.push("", ...overheadLines(await timeOverhead({ ...options, ...beside }, note)));
    });
  }
  const code = isAsked("switch") ? await runInNamespaces({ ...options, ...beside }) : 0;
  if (code === 0) console.log(["", ...results].join("\n"));
  return code;
}

/** What nfvlab is set beside, and what both need. */
async function prepare(progress, isAsked) {
  refuseWhereImpossible();
  const found = {};
  await progress.step("Pulumi engine", async (note) => {
    found.engine = await setupEngine(note);
    return found.engine.version;
  });
  if (isAsked("switch")) {
    await progress.step("Open vSwitch", async (note) => {
      found.switchFolder = await prepareSwitch(note);
    });
  }
  if (isAsked("switch") || isAsked("tuning")) {
    await progress.step("Ansible", async (note) => {
      found.ansible = await prepareAnsible(note);
      return found.ansible.version;
    });
  }
  return found;
}

await runTool(bench);
