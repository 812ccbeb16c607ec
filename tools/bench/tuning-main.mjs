import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool, ToolError } from "../tool-error.mjs";
import { Playbook } from "./ansible.mjs";
import { median } from "./measure.mjs";
import { mustFail } from "./must-fail.mjs";
import { PulumiProject } from "./pulumi.mjs";
import { bootServer, inServerFolder, ServerShell, sshdOf } from "./server.mjs";

/** Every run-time setting of a profile. Boot arguments are left out: who stages them differs too much to be set side by side. */
const program = `
import { readFileSync } from "node:fs";
import { Config, secret } from "@pulumi/pulumi";
import { host } from "nfvlab";
import { TunedHost } from "nfvlab/components";

const connection = JSON.parse(readFileSync(new Config().require("connectionFile"), "utf8"));
const plan = await host.planTuning({
  host: { name: "dut", connection },
  profile: "nfv",
  cpus: { housekeeping: "0-1", isolated: "2-3" },
});
const { bootArguments: _, ...resources } = plan.resources;
const tuning = { ...plan, resources };
new TunedHost("dut", { connection: secret(connection), cpus: plan.cpus, tuning, lease: false });
`;

const ours = "/etc/tmpfiles.d/90-nfvlab-* /etc/sysctl.d/90-nfvlab-* /etc/modprobe.d/90-nfvlab-*";

async function main([text]) {
  const { runs, engine, ansible } = JSON.parse(text);
  return inServerFolder("tuning", (folders) => measureServer({ ...folders, runs, engine, ansible }));
}

async function measureServer({ runs, engine, ansible, folder, server }) {
  say("booting an emulated server");
  const connection = await bootServer(server);
  const own = new ServerShell(connection);
  const shell = (script) => own.run(script);
  const times = {};

  say("TuneD");
  // Without a profile of its own it would begin by applying the one that it recommends.
  await shell(
    "cd /etc/tuned; : > active_profile; echo manual > profile_mode; echo isolated_cores=2-3 > cpu-partitioning-variables.conf; systemctl start tuned",
  );
  times.tunedUp = await seconds(() => shell("tuned-adm profile cpu-partitioning"));
  times.tuned = median(await repeated(runs, () => shell("tuned-adm verify --ignore-missing || true")));
  times.tunedDown = await seconds(() => shell("tuned-adm off; systemctl stop tuned"));

  const connectionFile = join(folder, "connection.json");
  writeFileSync(connectionFile, JSON.stringify(connection), { mode: 0o600 });
  const project = new PulumiProject(join(folder, "pulumi"), { engine, program, config: { connectionFile } });
  await project.prepare();
  say("nfvlab: first application");
  times.up = await seconds(() => project.create());
  const resources = (await project.resourceTypes()).length;
  const files = await dropIns(shell);
  const settings = settingsIn([...files.values()].join("\n"));
  const settled = `cat ${settings.map(({ path }) => path).join(" ")}`;
  const wanted = await shell(settled);
  const stood = await shell("sysctl -n vm.stat_interval");
  await shell(disturb);
  await mustFail("pulumi refresh", "vm.stat_interval", "no changes were expected", () =>
    project.comparison(),
  );
  await shell(disturb.replace("7", stood.trim()));
  say("nfvlab: no change");
  times.refresh = median(await repeated(runs, () => project.refresh()));
  times.noChangeUp = median(await repeated(runs, () => project.up()));
  times.destroy = await seconds(() => project.destroy());

  say("Ansible: first application");
  const tasks = [...files].flatMap(([path, text]) => [fileTask(path, text), ...settingsTask(path, text)]);
  const playbook = new Playbook(join(folder, "ansible"), {
    ansible,
    host: sshdOf(connection, folder),
    tasks,
  });
  times.ansibleUp = await seconds(() => playbook.play());
  if ((await shell(settled)) !== wanted) throw new ToolError("Ansible left other settings than nfvlab.");
  await shell(disturb);
  if (changedBy(await playbook.play()) === 0)
    throw new ToolError("ansible did not notice that vm.stat_interval was changed.");
  say("Ansible: no change");
  times.ansible = median(
    await repeated(runs, async () => {
      if (changedBy(await playbook.play()) > 0)
        throw new ToolError("Ansible changed what was as it is to be.");
    }),
  );
  const tuned = (await shell("dpkg-query -W -f '${Version}' tuned")).trim();
  await own.close();
  console.log(JSON.stringify({ resources, settings: settings.length, tasks: tasks.length, tuned, times }));
  return 0;
}

const disturb = "sysctl -q vm.stat_interval=7";

/** Texts of the files that nfvlab left on the server, by path. */
async function dropIns(shell) {
  const listed = (await shell(`ls ${ours} 2>/dev/null || true`)).split("\n").filter(Boolean);
  const texts = await Promise.all(listed.map((path) => shell(`cat ${path}`)));
  return new Map(listed.map((path, index) => [path, texts[index]]));
}

/** Files of the kernel with what is to be in them, as drop-ins have it. A pattern of interrupts is left out: which of them move differs by boot. */
function settingsIn(text) {
  return [
    ...[...text.matchAll(/^w- (\S+) - - - - (.*)$/gm)]
      .filter(([, path]) => !/[[*]/.test(path))
      .map(([, path, value]) => ({ path, value })),
    ...[...text.matchAll(/^([a-z][\w./-]*)\s*=\s*(.*)$/gm)].map(([, key, value]) => ({
      path: `/proc/sys/${key.replaceAll(".", "/")}`,
      value,
    })),
  ];
}

function fileTask(dest, content) {
  return { name: dest, "ansible.builtin.copy": { dest, content, mode: "0644" } };
}

/** What a drop-in sets, set now, in one task: look, write, look again, and say whether one was another. A task for each would take many times as long. */
function settingsTask(name, text) {
  const settings = settingsIn(text);
  if (settings.length === 0) return [];
  const script = settings.map(
    ({ path, value }) =>
      `before=$(cat ${path}); printf '%s\\n' '${value}' > ${path}; [ "$before" = "$(cat ${path})" ] || echo changed`,
  );
  return [
    {
      name: `${name} now`,
      "ansible.builtin.shell": script.join("\n"),
      register: "answer",
      changed_when: "'changed' in answer.stdout",
    },
  ];
}

function changedBy(output) {
  return Number(/changed=(\d+)/.exec(output)?.[1]);
}

async function seconds(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function repeated(runs, work) {
  const all = [];
  for (let round = 0; round < runs; round += 1) all.push(await seconds(work));
  return all;
}

function say(text) {
  console.log(text);
}

await runTool(main);
process.exit();
