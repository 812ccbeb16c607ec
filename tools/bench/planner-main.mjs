import { planCpus } from "../../sdk/plan/cpu-planner/plan.ts";
import { factsOf } from "../../test/plan/cpu-planner-machines.ts";
import { median } from "./measure.mjs";

const HOSTS = 1000;
const CORES = 128;
const CORES_PER_CACHE = 8;
const VNFS = 8;

/** Two sockets of 64 cores with two threads each, eight cores behind a cache; no two of a thousand are alike. */
function machineOf(host) {
  return {
    cores: Array.from({ length: CORES }, (_, core) => ({
      numaNode: Math.floor(core / (CORES / 2)),
      cache: `l3-${Math.floor(core / CORES_PER_CACHE)}`,
      cpus: [core, core + CORES],
    })),
    // A core of each machine is off, another one each time.
    offline: [1 + (host % (CORES - 1)), CORES + 1 + (host % (CORES - 1))],
    nodes: [0, 1].map((node) => ({ node, memoryMib: 512 * 1024 })),
    nics: { "0000:05:00.0": host % 2, "0000:05:00.1": host % 2, "0000:85:00.0": 1 - (host % 2) },
  };
}

function demandOf(host) {
  const names = Array.from({ length: VNFS }, (_, index) => `vnf${index + 1}`);
  const nics = { in: { kind: "vhost-user" }, out: { kind: "vhost-user" } };
  const guest = (index) => ({
    vcpus: 2 + ((host + index) % 4),
    memory: `${4 + (index % 3)}GiB`,
    pageSize: "1GiB",
    nics,
  });
  return {
    switch: { ports: { east: { nic: "0000:05:00.0" }, west: { nic: "0000:05:00.1" } } },
    vnfs: Object.fromEntries(names.map((name, index) => [name, guest(index)])),
    chains: { east: { path: ["east", ...names.slice(0, VNFS / 2), "west"] } },
    sparePages: { "1GiB": 2 },
  };
}

const runs = Number(process.argv[2]);
const inputs = Array.from({ length: HOSTS }, (_, host) => [factsOf(machineOf(host)), demandOf(host)]);

function timed(work) {
  const begun = performance.now();
  const result = work();
  return [performance.now() - begun, result];
}

const plans = inputs.slice(0, 50).map(([facts, demand]) => planCpus(facts, demand));
const one = inputs.slice(0, 50).map(([facts, demand]) => timed(() => planCpus(facts, demand))[0]);
const all = [];
for (let round = 0; round < runs; round += 1) {
  all.push(timed(() => inputs.map(([facts, demand]) => planCpus(facts, demand).hash))[0]);
}
const result = {
  hosts: HOSTS,
  cpus: 2 * CORES,
  vnfs: VNFS,
  oneMs: median(one),
  allMs: median(all),
  kibEach: JSON.stringify(plans).length / plans.length / 1024,
};
process.stdout.write(JSON.stringify(result));
