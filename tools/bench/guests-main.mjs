import { join } from "node:path";
import { runTool } from "../tool-error.mjs";
import { Dials } from "./dials.mjs";
import { guestQuestions, guestsProgram, pinGuest } from "./guests-program.mjs";
import { measure, rounds } from "./measure.mjs";
import { mustFail } from "./must-fail.mjs";
import { portQuestions, portsProgram } from "./ports.mjs";
import { PulumiProject } from "./pulumi.mjs";
import { bootServer, inServerFolder, ServerLog, ServerShell, sshdOf } from "./server.mjs";

async function main([text]) {
  const { runs, engine, ports, guests } = JSON.parse(text);
  return inServerFolder("guests", (folders) =>
    measureServer({ ...folders, runs, engine, ports: named("p", ports), guests: named("g", guests) }),
  );
}

const named = (letter, count) =>
  Array.from({ length: count }, (_, index) => ({ name: `${letter}${index + 1}`, number: index + 1 }));

async function measureServer({ runs, engine, folder, server, ports, guests }) {
  say("booting an emulated server");
  const connection = await bootServer(server);
  const shell = new ServerShell(connection);
  const log = new ServerLog(shell);
  await log.listen();
  await shell.run("ovs-vsctl --timeout=60 add-br br0 -- set Bridge br0 datapath_type=netdev");

  const sshd = sshdOf(connection, folder);
  const project = new PulumiProject(join(folder, "pulumi"), {
    engine,
    program: portsProgram(ports, sshd.port) + guestsProgram(guests),
    config: { hostKey: connection.hostKey, keyFile: sshd.clientKeyFile },
  });
  const questions = [...portQuestions(ports), ...guestQuestions(guests)];
  const dials = new Dials(join(folder, "dials"), { host: sshd, questions });
  await project.prepare();
  say(`${ports.length} ports and ${guests.length} guests: making them`);
  // An emulated machine that is asked for sixteen things at once answers none of them in time.
  const created = await measure(log, () => project.create(4));

  say("warming up, on changes that all must notice");
  await shell.run(pinGuest(guests[0], 1));
  await mustFail("pulumi refresh", "a guest's vcpupin", "no changes were expected", () =>
    project.comparison(),
  );
  await mustFail("ssh", "a guest's vcpupin", `differs: guest ${guests[0].name}`, () => dials.ask());
  await shell.run(pinGuest(guests[0]));
  await shell.run("ovs-vsctl --timeout=60 set Interface p1 mtu_request=1400");
  await mustFail("pulumi refresh", "a port's mtu_request", "no changes were expected", () =>
    project.comparison(),
  );
  await shell.run("ovs-vsctl --timeout=60 clear Interface p1 mtu_request");

  const steps = {
    preview: () => project.preview(),
    refresh: () => project.refresh(),
    up: () => project.up(),
    dials: () => dials.ask(),
  };
  const results = await rounds(runs, steps, log, (round, step) => say(`round ${round} of ${runs}: ${step}`));
  const defined = (
    await shell.run("virsh --quiet --connect qemu:///system list --all --name | grep -c .")
  ).trim();
  say("taking them away");
  await project.destroy();
  const left = (
    await shell.run("virsh --quiet --connect qemu:///system list --all --name | grep -c . || true")
  ).trim();
  await shell.close();
  console.log(
    JSON.stringify({ ports: ports.length, guests: Number(defined), left: Number(left), created, results }),
  );
  return 0;
}

function say(text) {
  console.log(text);
}

await runTool(main);
process.exit();
