import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { askAll, type Question } from "../../sdk/remote/batch.ts";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import { SharedAnswers } from "../../sdk/remote/shared-answers.ts";

const folder = mkdtempSync(join(tmpdir(), "nfvlab-shared-"));
afterAll(() => rmSync(folder, { recursive: true }));

const names = ["cpus", "pages", "ports", "guests"];
const questions: readonly Question[] = names.map((name) => ({
  name,
  ask: { kind: "files", patterns: [join(folder, name)] },
}));
const [cpus, pages, ports, guests] = questions as [Question, Question, Question, Question];

let transport: LocalTransport;
let shared: SharedAnswers;
beforeEach(() => {
  for (const name of names) writeFileSync(join(folder, name), `${name}\n`);
  transport = new LocalTransport();
  shared = new SharedAnswers((asked) => askAll(transport, asked), questions);
});

const value = async (question: Question) =>
  (await shared.get([question])).get(question.name)?.stdout.split(":")[1]?.trim();

test("reads that come together make one round trip", async () => {
  expect(await Promise.all([value(cpus), value(pages), value(cpus), value(ports)])).toEqual([
    "cpus",
    "pages",
    "cpus",
    "ports",
  ]);
  expect(transport.roundTrips).toBe(1);
});

test("later reads cost one more round trip in all, since it asks everything", async () => {
  await value(cpus);
  expect(await value(pages)).toBe("pages");
  expect(await value(ports)).toBe("ports");
  expect(await Promise.all([value(guests), value(cpus)])).toEqual(["guests", "cpus"]);
  expect(transport.roundTrips).toBe(2);
});

test("after a change the machine is asked again", async () => {
  await value(cpus);
  writeFileSync(join(folder, "cpus"), "changed\n");
  expect(await value(cpus)).toBe("cpus");
  shared.invalidate();
  expect(await value(cpus)).toBe("changed");
});

test("those who wait when something changes are still answered", async () => {
  const waiting = value(cpus);
  shared.invalidate();
  expect(await waiting).toBe("cpus");
});

test("answers that are slow to come are waited for, and stay fresh for as long as they may take again", async () => {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  try {
    let answer = () => {};
    const arrival = () => new Promise<void>((resolve) => (answer = resolve));
    let coming = arrival();
    shared = new SharedAnswers(async (asked) => {
      await coming;
      return askAll(transport, asked);
    }, questions);
    const first = value(cpus);
    await sleep(50);
    // On its way for longer than any answer is fresh.
    now = 40_000;
    const second = value(cpus);
    answer();
    expect(await Promise.all([first, second])).toEqual(["cpus", "cpus"]);
    expect(transport.roundTrips).toBe(1);
    now = 40_000 + 79_000;
    expect(await value(cpus)).toBe("cpus");
    expect(transport.roundTrips).toBe(1);
    now = 40_000 + 81_000;
    coming = Promise.resolve();
    expect(await value(cpus)).toBe("cpus");
    expect(transport.roundTrips).toBe(2);
  } finally {
    clock.mockRestore();
  }
});

test("a failed round trip fails those who wait, and the next read asks again", async () => {
  const tally = join(folder, "tally");
  let reachable = false;
  shared = new SharedAnswers(async (asked) => {
    appendFileSync(tally, "asked\n");
    if (!reachable) throw new Error("unreachable");
    return askAll(transport, asked);
  }, questions);
  const both = await Promise.allSettled([value(cpus), value(pages)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  reachable = true;
  expect(await value(cpus)).toBe("cpus");
  expect(readFileSync(tally, "utf8")).toBe("asked\nasked\n");
});
