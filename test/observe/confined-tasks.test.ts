import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type ConfinedTask, confinedTasks } from "../../sdk/observe/confined-tasks.ts";
import { strangersOn } from "../../sdk/plan/strangers.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { recorded, said } from "./recorded.ts";

/** What the probe says of this machine. */
function asked(): readonly ConfinedTask[] {
  const [program = "", ...args] = confinedTasks.ask.kind === "command" ? confinedTasks.ask.argv : [];
  return confinedTasks.parse(said(spawnSync(program, args, { encoding: "utf8" }).stdout));
}

const allowed = CpuSet.parse(/Cpus_allowed_list:\s*(\S+)/.exec(statusOf(1))?.[1] ?? "0");

function statusOf(process: number): string {
  return spawnSync("cat", [`/proc/${process}/status`], { encoding: "utf8" }).stdout;
}

describe("threads that are confined to some CPUs", () => {
  it.skipIf(allowed.size < 2)("are found with their names, their CPUs and their group", async () => {
    const cpu = allowed.first ?? 0;
    const child = spawn("taskset", ["-c", String(cpu), "sleep", "30"]);
    try {
      await once(child, "spawn");
      const seen = () => asked().find(({ id }) => id === child.pid);
      await expect.poll(() => seen()?.name).toBe("sleep");
      expect(seen()).toMatchObject({ process: child.pid, cpus: CpuSet.of([cpu]) });
      expect(seen()?.group).toMatch(/^\//);
    } finally {
      child.kill();
    }
    expect(asked().some(({ id }) => id === process.pid)).toBe(false);
  });

  it("of a lab are no strangers on the CPUs that it has leased", () => {
    const tasks = confinedTasks.parse(recorded("procfs/6.12/confined-tasks.txt"));
    expect(tasks).toContainEqual({
      ...{ id: 1921, process: 448, name: "pmd-c02/id:7", cpus: CpuSet.of([2]) },
      group: "/system.slice/ovs-vswitchd.service",
    });
    expect(tasks.filter(({ group }) => group.startsWith("/lxc."))).toHaveLength(6);
    expect(strangersOn({ cpus: "2-3" }, tasks)).toEqual([]);
  });

  it("are read from what was printed, one that has ended meanwhile without its group", () => {
    const text = [
      "@task 815 815 2-3 ovs-vswitchd",
      "@group 815 /system.slice/ovs-vswitchd.service",
      "@task 821 815 2 pmd-c02/id:8",
      "@task 4711 4711 3 a name of two",
    ];
    expect(confinedTasks.parse(said(`${text.join("\n")}\n`))).toEqual([
      {
        ...{ id: 815, process: 815, name: "ovs-vswitchd", cpus: CpuSet.parse("2-3") },
        group: "/system.slice/ovs-vswitchd.service",
      },
      {
        ...{ id: 821, process: 815, name: "pmd-c02/id:8", cpus: CpuSet.parse("2") },
        group: "/system.slice/ovs-vswitchd.service",
      },
      { id: 4711, process: 4711, name: "a name of two", cpus: CpuSet.parse("3"), group: "" },
    ]);
    expect(confinedTasks.parse(said(""))).toEqual([]);
  });
});
