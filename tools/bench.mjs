import { setupEngine } from "./bench/engine.mjs";
import { runInNamespaces } from "./bench/namespaces.mjs";
import { readOptions } from "./bench/options.mjs";
import { prepareAnsible, prepareSwitch } from "./bench/packages.mjs";
import { plannerLines, timePlanner } from "./bench/planner.mjs";
import { refuseWhereImpossible } from "./bench/requirements.mjs";
import { Progress } from "./progress.mjs";
import { runTool } from "./tool-error.mjs";

/**
 * Times a `pulumi preview`, `refresh` and `up` that change nothing, for several numbers of resources on one host, beside Ansible that checks
 * the same state over the same sshd; and the CPU planner, for one machine and for a thousand. Host, switch and state are made for this and taken away again.
 */
async function bench(args) {
  const options = readOptions(args);
  if (options === undefined) return 0;
  refuseWhereImpossible();
  const progress = new Progress();
  let engine;
  let switchFolder;
  let ansible;
  await progress.step("Pulumi engine", async (note) => {
    engine = await setupEngine(note);
    return engine.version;
  });
  await progress.step("Open vSwitch", async (note) => {
    switchFolder = await prepareSwitch(note);
  });
  await progress.step("Ansible", async (note) => {
    ansible = await prepareAnsible(note);
    return ansible.version;
  });
  let planner;
  await progress.step("CPU planner", async () => {
    planner = await timePlanner(options.runs);
  });
  const code = await runInNamespaces({ ...options, engine, switchFolder, ansible });
  if (code === 0) console.log(["", ...plannerLines(planner)].join("\n"));
  return code;
}

await runTool(bench);
