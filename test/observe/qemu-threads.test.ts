import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { threadsOf } from "../../sdk/observe/qemu-threads.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

it("reads policy, priority and CPUs of a thread as this kernel shows them", async () => {
  // SCHED_BATCH, 3, is one that everybody may ask for.
  const child = spawn("chrt", ["--batch", "0", "sleep", "30"]);
  try {
    await once(child, "spawn");
    const shown = () =>
      spawnSync(
        "sh",
        [
          "-c",
          `grep -H '' /proc/$1/task/*/stat | sed 's/^/@/'; grep -H '^Cpus_allowed_list' /proc/$1/task/*/status | sed 's/^/@/'`,
          "sh",
          String(child.pid),
        ],
        { encoding: "utf8" },
      ).stdout.split("\n");
    await expect.poll(() => threadsOf(shown())[0]?.name).toBe("sleep");
    const [thread] = threadsOf(shown());
    expect(thread).toMatchObject({ id: child.pid, main: false, policy: 3, priority: 0 });
    const affinity = spawnSync("taskset", ["-cp", String(child.pid)], { encoding: "utf8" }).stdout.trim();
    expect(thread?.cpus).toEqual(CpuSet.parse(affinity.slice(affinity.lastIndexOf(" ") + 1)));
  } finally {
    child.kill();
  }
});
