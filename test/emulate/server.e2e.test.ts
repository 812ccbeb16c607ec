import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { buildImage } from "../../sdk/emulate/image.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { inspectServer, removeServer, startServer } from "../../sdk/emulate/server.ts";
import { longTrials } from "../lab/long-trials.ts";

let image: string;
let folder: string;

beforeAll(async () => {
  image = (await buildImage({ suite: "trixie", packages: TESTBED_PACKAGES, diskMib: 6144 })).folder;
});
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "nfvlab-server-")), "stack", "dut");
});
afterEach(async () => {
  await removeServer(folder);
  rmSync(join(folder, "../.."), { recursive: true, force: true });
});

function specification(memory: string) {
  return { name: "dut", image, numaNodes: [{ cpus: "0", memory }], igbCards: 0, bootArguments: [] };
}

function pid(): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(folder, "pid"), "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

async function nextPid(before?: number): Promise<number> {
  for (;;) {
    const found = pid();
    if (found !== undefined && found !== before) return found;
    await sleep(50);
  }
}

test("a server that needs more memory than there is says what QEMU said", async () => {
  await expect(startServer(folder, specification("64TiB"))).rejects.toMatchObject({
    code: "server-start",
    message: expect.stringContaining("memory"),
  });
  expect(await inspectServer(folder)).toBe("stopped");
});

const again = "QEMU that crashes while its server boots is started again, and that is said";
test.runIf(longTrials)(`${again} (skipped unless NFVLAB_LONG_TRIALS is set: a whole boot)`, async () => {
  const said: string[] = [];
  const starting = startServer(folder, specification("1GiB"), { onProgress: (text) => said.push(text) });
  const first = await nextPid();
  await sleep(2000);
  process.kill(first, "SIGSEGV");
  const { connection } = await starting;
  expect(connection.kind).toBe("ssh");
  expect(said).toContain("QEMU ended by signal SIGSEGV while dut booted; starts again");
  expect(await inspectServer(folder)).toBe("running");
});

test("QEMU that crashes three times is named, with how it ended and where its server was", async () => {
  const starting = startServer(folder, specification("1GiB")).catch((error) => error);
  const first = await nextPid();
  await sleep(3000);
  process.kill(first, "SIGABRT");
  const second = await nextPid(first);
  await sleep(3000);
  process.kill(second, "SIGABRT");
  const third = await nextPid(second);
  await sleep(3000);
  process.kill(third, "SIGABRT");
  const error = await starting;
  expect(error).toMatchObject({ code: "server-boot" });
  expect(error.message).toMatch(/the emulated server dut ended while it booted/);
  expect(error.message).toMatch(/QEMU ended with signal SIGABRT; console: .*Booting/s);
});
