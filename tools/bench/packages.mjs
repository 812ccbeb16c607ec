import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache.mjs";
import { run } from "../command.mjs";
import { ToolError } from "../tool-error.mjs";

const cache = join(cacheFolder(), "bench");

/** Open vSwitch and the libraries that a Debian without it lacks. */
const switchPackages = [
  "openvswitch-switch",
  "openvswitch-common",
  ...["libbpf1", "libcap-ng0", "libnuma1", "libunbound8", "libevent-2.1-7", "libxdp1"],
];

/** 2.16 still runs on Python 3.10; from 2.20 on hosts need a newer Python than Debian 12 has. */
const ansibleRequirement = "ansible-core>=2.16,<2.20";

/** Unpacks Open vSwitch into the cache, once, and returns the folder; nothing is installed. */
export async function prepareSwitch(note) {
  const folder = join(cache, "open-vswitch");
  if (existsSync(folder)) return folder;
  const staging = `${folder}.new-${process.pid}`;
  mkdirSync(staging, { recursive: true });
  try {
    note("downloading packages");
    await run(["apt-get", "download", ...switchPackages], { cwd: staging, note, timeoutMs: 300_000 });
    const packages = readdirSync(staging).filter((name) => name.endsWith(".deb"));
    for (const name of packages) {
      await run(["dpkg", "-x", name, "root"], { cwd: staging, note });
    }
    renameSync(join(staging, "root"), folder);
  } catch (error) {
    throw error instanceof ToolError ? new ToolError(`${error.message}\nTry \`apt-get update\`.`) : error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return folder;
}

/** Makes a virtual environment with ansible-core in the cache, once. */
export async function prepareAnsible(note) {
  const folder = join(cache, "ansible");
  const python = join(folder, "bin/python");
  const installed = await ansibleVersion(python);
  if (installed !== undefined) return { python, version: installed };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  note("making a virtual environment");
  await run(["python3", "-m", "venv", folder], { note });
  await run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ansibleRequirement], {
    note,
    timeoutMs: 600_000,
  });
  return { python, version: await ansibleVersion(python) };
}

async function ansibleVersion(python) {
  if (!existsSync(python)) return undefined;
  try {
    const text = await run([python, "-m", "ansible", "playbook", "--version"], {
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    return /core ([\d.]+)/.exec(text)?.[1];
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
