import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run } from "../../tools/command.mjs";

const sh = (script: string): string[] => ["sh", "-c", script];

describe("a command", () => {
  it("gives its output, and each line of it as it comes", async () => {
    const notes: string[] = [];
    const output = await run(sh("printf 'a\\nb'; printf 'x\\r\\ny\\n' >&2"), {
      note: (line) => notes.push(line),
    });
    expect(output).toBe("a\nb");
    expect(notes).toContain("a");
    expect(notes).toEqual(expect.arrayContaining(["x", "y"]));
  });

  it("that fails is named with its code and its last lines", async () => {
    await expect(run(sh("echo first; echo last >&2; exit 3"))).rejects.toThrow(
      /^sh -c .*: exit code 3\n {2}(first\n {2}last|last\n {2}first)$/s,
    );
  });

  it("that is not there is named", async () => {
    await expect(run(["nfvlab-no-such-program"])).rejects.toThrow(
      /nfvlab-no-such-program can't be started: .*ENOENT/,
    );
  });

  it("that takes too long is ended with its children", async () => {
    const notes: string[] = [];
    const pids = () => notes.join(" ").split(" ").map(Number);
    await expect(
      run(sh("sleep 60 & echo $! $$; trap '' TERM INT; wait; sleep 60"), {
        timeoutMs: 500,
        note: (line) => notes.push(line),
      }),
    ).rejects.toThrow("ended after 0.5 s");
    expect(pids()).toHaveLength(2);
    for (const pid of pids()) expect(isRunning(pid)).toBe(false);
  });

  it("that stays silent is ended; one that has spoken is not", async () => {
    await expect(
      run(sh("echo only on the other stream >&2; sleep 60"), { firstOutputMs: 300 }),
    ).rejects.toThrow("nothing came for 0.3 s");
    await expect(run(sh("echo here; sleep 0.8; echo done"), { firstOutputMs: 300 })).resolves.toBe(
      "here\ndone\n",
    );
  });

  it("gets no input", async () => {
    await expect(run(["cat"])).resolves.toBe("");
  });
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
