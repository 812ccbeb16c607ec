import { existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir, loadavg } from "node:os";
import { join } from "node:path";
import { run } from "../command.mjs";
import { runTool } from "../tool-error.mjs";
import { Playbook } from "./ansible.mjs";
import { Dials } from "./dials.mjs";
import { measure, rounds } from "./measure.mjs";
import { mustFail } from "./must-fail.mjs";
import { portQuestions, portsProgram, portTasks } from "./ports.mjs";
import { PulumiProject } from "./pulumi.mjs";
import { Sshd } from "./sshd.mjs";
import { Switch } from "./switch.mjs";
import { printResults } from "./table.mjs";

/** The first process of the namespaces that `runInNamespaces` makes: when it ends, everything in them does. */
async function main([text]) {
  const options = JSON.parse(text);
  process.stdin.on("end", () => leave(options.folder)).resume();
  await run(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
  await run(["ip", "link", "set", "lo", "up"]);
  await hideStartupFile();

  const ovs = new Switch(options.switchFolder, subfolder(options.folder, "switch"));
  await ovs.start();
  const sshd = new Sshd(subfolder(options.folder, "sshd"), ovs.environment);
  await sshd.start();
  say(`Open vSwitch ${await ovs.version()} behind sshd on loopback`);

  const loads = [loadavg()[0]];
  const results = [];
  for (const size of options.sizes) {
    results.push(...(await measureSize(size, { ...options, ovs, sshd })));
    loads.push(loadavg()[0]);
  }
  printResults(results, { ...options, loads });
  return 0;
}

async function measureSize(size, { runs, folder, engine, ansible, ovs, sshd }) {
  const ports = Array.from({ length: size }, (_, index) => ({ name: `p${index + 1}`, number: index + 1 }));
  await ovs.addBridge("br0");
  const project = new PulumiProject(join(folder, `pulumi-${size}`), {
    engine,
    program: portsProgram(ports, sshd.port),
    config: { hostKey: sshd.hostKey, keyFile: sshd.clientKeyFile },
  });
  const tasks = portTasks(ports);
  const playbook = new Playbook(join(folder, `ansible-${size}`), { ansible, host: sshd, tasks });
  const dials = new Dials(join(folder, `dials-${size}`), { host: sshd, questions: portQuestions(ports) });
  await project.prepare();
  say(`${size} ports: creating them`);
  await measure(sshd, () => project.create());
  say(`${size} ports: warming up, on a change that all must notice`);
  await ovs.requestMtu("p1", 1400);
  await mustFail("pulumi refresh", "a port's mtu_request", "no changes were expected", () =>
    project.comparison(),
  );
  await mustFail("ansible", "a port's mtu_request", "failed=1", () => playbook.play());
  await mustFail("ssh", "a port's mtu_request", "differs: port p1", () => dials.ask());
  await ovs.clearMtu("p1");
  const steps = {
    preview: () => project.preview(),
    refresh: () => project.refresh(),
    up: () => project.up(),
    dials: () => dials.ask(),
    ansible: () => playbook.play(),
  };
  const results = await rounds(runs, steps, sshd, (round, step) =>
    say(`${size} ports, round ${round} of ${runs}: ${step}`),
  );
  await ovs.deleteBridge("br0");
  return results.map((result) => ({ size, ...result }));
}

/** Bash reads it for each command that sshd starts: what this machine's root does there would count once for us and once a task for Ansible. */
async function hideStartupFile() {
  const file = join(homedir(), ".bashrc");
  if (existsSync(file)) await run(["mount", "--bind", "/dev/null", file]);
}

/** The process that started this one was killed, so nobody else clears up. */
function leave(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(1);
}

function subfolder(folder, name) {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function say(text) {
  console.log(`  ...  ${text}`);
}

await runTool(main);
process.exit();
