import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Hypervisor } from "../../sdk/emulate/hypervisor.ts";
import { cacheFolder } from "../../sdk/emulate/image.ts";
import { exitCostFaults, exitCostMetrics, exitCostRemarks } from "../../sdk/measure/exit-costs.ts";
import { parseExitCost } from "../../sdk/observe/exit-cost.ts";
import { planExitCost } from "../../sdk/plan/exit-cost.ts";
import { planTool } from "../../sdk/plan/traffic-tool.ts";
import { sourceOf } from "../../sdk/provider/traffic-source.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { exitCost } from "../../sdk/schema/latency.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { quoteAll } from "../../sdk/units/quoting.ts";
import { longTrials } from "../lab/long-trials.ts";

const gcc = process.arch === "x64" && spawnSync("gcc", ["--version"]).status === 0;
const qemu = qemuHere();
// Its two processors wait for each other in loops, which takes minutes where other tests have the same CPUs.
const tried = longTrials && gcc && qemu !== undefined && availableParallelism() > 1 && existsSync("/dev/kvm");

/** What runs a QEMU: the machine's own, or that of an image in the cache. */
function qemuHere(): readonly string[] | undefined {
  const path = spawnSync("sh", ["-c", "command -v qemu-system-x86_64"], { encoding: "utf8" }).stdout.trim();
  if (path !== "") return [path];
  const images = join(cacheFolder(), "images");
  const names = existsSync(images) ? readdirSync(images) : [];
  return names
    .map((name) => new Hypervisor(join(images, name)).argv("qemu-system-x86_64", []))
    .find(([loader]) => existsSync(loader));
}

let folder: string;
let program: string;

beforeAll(async () => {
  if (!gcc) return;
  folder = mkdtempSync(join(tmpdir(), "nfvlab-exits-"));
  const ground = { compiler: "14.2.0", dpdk: undefined, architecture: "x86_64" };
  const plan = planTool("exits", await sourceOf("exits"), ground, "0a1b2c3d", "dut");
  program = join(folder, "nfvlab-exits");
  // Built as it is there, in a folder that need not be root's.
  for (const { argv, stdin } of [plan.mark, ...plan.build]) {
    const here = argv.map((word) => (word === plan.path.replace(/\/[^/]*$/, "") ? folder : word));
    const [command = "", ...args] = here;
    const ran = spawnSync(command, args, { encoding: "utf8", ...(stdin !== undefined && { input: stdin }) });
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
  }
}, 120_000);
afterAll(() => {
  if (gcc) rmSync(folder, { recursive: true });
});

describe("the exits program", () => {
  it.skipIf(!gcc)(`times a system call of the host${gcc ? "" : " (not tried: needs gcc)"}`, () => {
    const { stdout, status } = spawnSync(program, ["samples=20000"], { encoding: "utf8" });
    expect(status).toBe(0);
    const [head = "{}", operation = "{}"] = stdout.split("\n");
    const { cyclesPerSecond } = JSON.parse(head) as { cyclesPerSecond: number };
    expect(cyclesPerSecond).toBeGreaterThan(500e6);
    expect(cyclesPerSecond).toBeLessThan(10e9);
    expect(JSON.parse(operation)).toMatchObject({ operation: "getppid", samples: 20_000 });
    expect(spawnSync(program, { encoding: "utf8" }).stdout).toContain("usage: nfvlab-exits samples=N");
  });

  it.skipIf(!tried)(
    `is a guest, each vCPU on its own CPU, and says what an emulated processor can't be asked${tried ? "" : " (not tried: needs NFVLAB_LONG_TRIALS, gcc, QEMU, /dev/kvm and two CPUs without other work)"}`,
    { timeout: 180_000 },
    () => {
      const inputs = exitCost.inputs.parse({
        ...{ host: { name: "dut", connection: { kind: "local" } }, name: "run" },
        ...{ cpus: "0-1", program, samples: 500, limit: "100s" },
      }) as Inputs<typeof exitCost>;
      const [shell, ...args] = planExitCost(inputs, CpuSet.empty).argv;
      // An emulated processor in the place of KVM's, whoever has which.
      const bin = join(folder, "bin");
      spawnSync("mkdir", [bin]);
      const emulated = `#!/bin/sh
for word; do shift; case $word in kvm) word=tcg ;; host) word=max ;; esac; set -- "$@" "$word"; done
exec ${quoteAll(qemu ?? [])} "$@"
`;
      writeFileSync(join(bin, "qemu-system-x86_64"), emulated);
      chmodSync(join(bin, "qemu-system-x86_64"), 0o755);
      const runtime = join(folder, "run");
      spawnSync("mkdir", [runtime]);
      const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, RUNTIME_DIRECTORY: runtime };
      const { status, stdout, stderr } = spawnSync(shell, args, { encoding: "utf8", env });
      expect(status, stderr).toBe(0);
      const run = parseExitCost(stdout);
      expect(run.guest.hypervisor).toBe("TCGTCGTCGTCG");
      expect(exitCostFaults([run])).toContain("repetition 1 did not run on KVM, but on TCGTCGTCGTCG");
      expect(exitCostRemarks([run])[0]).toBe("no figure of hypercall: the hypervisor is not KVM");
      const samples = Object.fromEntries(
        exitCostMetrics([run]).map(({ name, samples }) => [name, samples] as const),
      );
      expect(samples).toEqual({
        ...{
          "guest.exit.none.cycles": 500,
          "guest.exit.cpuid.cycles": 500,
          "guest.exit.user-space.cycles": 500,
        },
        ...{ "guest.notification.cycles": 500, "guest.notification.halted.cycles": 51 },
        ...{ "guest.polling.round-trip.cycles": 500, "host.getppid": 500, "host.getppid.cycles": 500 },
      });
    },
  );
});
