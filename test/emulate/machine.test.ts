import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkMachine, grubConfiguration, machineArguments } from "../../sdk/emulate/machine.ts";
import { ownerOf, withLock } from "../../sdk/emulate/owned-lock.ts";
import { imageHash, TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";

const machine = {
  name: "dut",
  numaNodes: [
    { cpus: "0-1", memory: "2GiB" },
    { cpus: "2-3", memory: "3GiB" },
  ],
  igbCards: 2,
  bootArguments: ["isolcpus=2-3"],
};
const identity = { uuid: "6e667600-0000-4000-8000-000000000001", sshPort: 22022 };

describe("a machine", () => {
  it("is started with these arguments", async () => {
    await expect(`${machineArguments(machine, identity, "tcg").join("\n")}\n`).toMatchFileSnapshot(
      "../golden/machine/tcg.txt",
    );
  });

  it("listens on loopback alone, and puts no key on its command line", () => {
    const line = machineArguments(machine, identity, "kvm").join(" ");
    expect(line).toContain("hostfwd=tcp:127.0.0.1:22022-:22");
    expect(line).toContain("restrict=on");
    expect(line).not.toMatch(/PRIVATE KEY|ssh-ed25519/);
  });

  it("is joined to another one's cards by a wire on loopback", () => {
    const end = (listens: boolean) =>
      machineArguments(machine, { ...identity, wire: { port: 22099, listens } }, "tcg").join(" ");
    const stream = "-netdev stream,id=wire,addr.type=inet,addr.host=127.0.0.1,addr.port=22099";
    const port = "-netdev hubport,id=wire-end,hubid=0,netdev=wire";
    expect(end(true)).toContain(`${stream},server=on ${port}`);
    expect(end(false)).toContain(`${stream},server=off,reconnect-ms=500 ${port}`);
    const macs = (listens: boolean): string[] => end(listens).match(/igb,[^ ]*mac=[0-9a-f:]+/g) ?? [];
    expect(macs(true)).toHaveLength(2);
    expect(macs(true).filter((mac) => macs(false).includes(mac))).toEqual([]);
  });

  it("hands boot arguments over before the disk's own menu", () => {
    expect(grubConfiguration(machine, "nfvlab")).toContain(
      'set nfvlab_arguments="systemd.hostname=dut no_timer_check panic=5 isolcpus=2-3"',
    );
  });

  it.each([[["0-1", "1-3"]], [["0", "2"]], [["1", "2"]]])("refuses CPUs %j", (lists) => {
    expect(() => checkMachine({ numaNodes: lists.map((cpus) => ({ cpus, memory: "1GiB" })) })).toThrow(
      /numbered 0 up/,
    );
  });

  it("has another image for another disk, and the same for another order of packages", () => {
    const specification = { suite: "trixie" as const, packages: TESTBED_PACKAGES, diskMib: 6144 };
    expect(imageHash({ ...specification, packages: [...TESTBED_PACKAGES].reverse() })).toBe(
      imageHash(specification),
    );
    expect(imageHash({ ...specification, diskMib: 4096 })).not.toBe(imageHash(specification));
  });
});

describe("withLock", () => {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-lock-"));

  it("lets one in at a time", async () => {
    const path = join(folder, "one.lock");
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 50));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock(path, work)));
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it("waits for another process, and takes over from a dead one", async () => {
    const path = join(folder, "two.lock");
    const child = spawn("sleep", ["60"]);
    writeFileSync(path, JSON.stringify(ownerOf(child.pid as number)));
    let waited = false;
    const taken = withLock(path, async () => readFileSync(path, "utf8"), {
      onWait: () => {
        if (!waited) child.kill("SIGKILL");
        waited = true;
      },
    });
    expect(JSON.parse(await taken)).toMatchObject({ pid: process.pid });
    expect(waited).toBe(true);
    rmSync(folder, { recursive: true, force: true });
  });
});
