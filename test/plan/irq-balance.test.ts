import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedIrqBalance } from "../../sdk/observe/irq-balance.ts";
import {
  banLines,
  configuredBan,
  effectiveBan,
  foundBan,
  isPending,
  observedBan,
  ownLines,
  planRemoval,
  planText,
  requireFile,
  verifyBan,
  withLines,
  withoutLines,
} from "../../sdk/plan/irq-balance.ts";

const PATH = "/etc/default/irqbalance";
const line = fc.constantFrom(
  "# a comment",
  "IRQBALANCE_ARGS=--policyscript=/x",
  "IRQBALANCE_BANNED_CPULIST=1",
  'export IRQBALANCE_BANNED_CPULIST="0,2"',
  "IRQBALANCE_BANNED_CPUS=00000001,00000000",
  "",
);
const file = fc
  .tuple(fc.array(line), fc.boolean())
  .map(([lines, isEnded]) => lines.join("\n") + (isEnded && lines.length > 0 ? "\n" : ""));
const cpus = fc.constantFrom("2-3", "2,3", "0-63", "7");

function observed(text: string | undefined, change: Partial<ObservedIrqBalance> = {}): ObservedIrqBalance {
  return {
    ...{ presence: "running", path: PATH, text, environment: new Map(), knowsLists: true },
    ...change,
  };
}

describe("the file of irqbalance", () => {
  it("has our lines at its end, where they count, and is as it was when they are gone, byte by byte", () => {
    fc.assert(
      fc.property(file, cpus, cpus, fc.boolean(), (text, first, second, knowsLists) => {
        const lines = banLines(first, { knowsLists });
        const ours = withLines(text, lines);
        expect(ownLines(ours)).toBe(lines);
        expect(withoutLines(ours)).toBe(text);
        expect(withLines(ours, lines)).toBe(ours);
        expect(withoutLines(withLines(ours, banLines(second, { knowsLists })))).toBe(text);
        if (knowsLists) expect(configuredBan({ text: ours })).toBe(configuredBan({ text: lines }));
        expect(foundBan({ text: ours })).toEqual(foundBan({ text }));
      }),
    );
  });

  it("keeps what somebody else adds behind our lines", () => {
    const ours = withLines("A=1\n", banLines("2-3", { knowsLists: true }));
    expect(withoutLines(`${ours}B=2\n`)).toBe("A=1\nB=2\n");
  });

  it("says what is banned, whoever wrote it", () => {
    expect(configuredBan({ text: undefined })).toBeNull();
    expect(configuredBan({ text: "# IRQBALANCE_BANNED_CPULIST=1\n" })).toBeNull();
    expect(configuredBan({ text: 'IRQBALANCE_BANNED_CPULIST="3,2"\nIRQBALANCE_BANNED_CPUS=f\n' })).toBe(
      "2-3",
    );
    expect(
      configuredBan({ text: "IRQBALANCE_BANNED_CPUS=c\nIRQBALANCE_BANNED_CPUS=00000001,00000000" }),
    ).toBe("32");
    expect(configuredBan({ text: "IRQBALANCE_BANNED_CPULIST=two\n" })).toBe("two");
  });

  it("has a mask where irqbalance knows no lists", () => {
    expect(banLines("2-3,32", { knowsLists: false })).toBe("IRQBALANCE_BANNED_CPUS=1,0000000c\n");
  });

  it("loses our lines at delete, but not those that somebody else has changed", () => {
    const lines = banLines("2-3", { knowsLists: true });
    const text = withLines("A=1\n", lines);
    expect(planRemoval(observed(text), lines, { file: true })).toEqual({
      steps: planText(PATH, "A=1\n", text),
      changedByOthers: false,
    });
    const theirs = text.replace("2-3", "3");
    expect(planRemoval(observed(theirs), lines, { file: true })).toEqual({
      steps: [],
      changedByOthers: true,
    });
    expect(planRemoval(observed("A=1\n"), lines, { file: true })).toEqual({
      steps: [],
      changedByOthers: false,
    });
    const [removal] = planRemoval(observed(withLines("", lines)), lines, { file: false }).steps;
    expect(removal?.argv).toEqual(["rm", "-f", PATH]);
    expect(planRemoval(observed(withLines("", lines)), lines, { file: true }).steps[0]?.stdin).toBe("");
  });

  it("is asked for where its unit reads none", () => {
    expect(() => requireFile(observed(undefined, { path: undefined }), "dut")).toThrow(
      "irqbalance on dut takes its settings from no file: observed no EnvironmentFile in /etc of irqbalance.service, expected /etc/default/irqbalance or",
    );
  });
});

describe("what irqbalance runs by", () => {
  const text = withLines("", banLines("2-3", { knowsLists: true }));
  const started = (list: string) => new Map([["IRQBALANCE_BANNED_CPULIST", list]]);

  it("is what it was started with, and pending where that is another", () => {
    const old = observed(text);
    expect([effectiveBan(old), isPending(old)]).toEqual([null, true]);
    const restarted = observed(text, { environment: started("2,3") });
    expect([effectiveBan(restarted), isPending(restarted)]).toEqual(["2-3", false]);
    const stopped = observed(text, { presence: "stopped", environment: new Map() });
    expect([effectiveBan(stopped), isPending(stopped)]).toEqual([null, false]);
  });

  it("is shown where it may be restarted, else what is configured", () => {
    const pending = observed(text, { environment: started("1") });
    expect(observedBan("2,3", pending, "deny")).toBe("2,3");
    expect(observedBan("2,3", pending, "allow")).toBe("1");
    expect(observedBan("2,3", observed(""), "allow")).toBe("");
    expect(observedBan("2,3", observed(undefined, { presence: "missing" }), "allow")).toBe("2,3");
    expect(observedBan(undefined, observed(text), undefined)).toBe("2-3");
  });

  it("is refused where it is another after a restart, or the file says otherwise", () => {
    const pending = observed(text, { environment: started("1") });
    expect(() => verifyBan("2-3", pending, false)).not.toThrow();
    expect(() => verifyBan("2-3", pending, true)).toThrow(
      "bannedCpus: irqbalance was restarted, and runs by other CPUs: observed 1, expected 2-3; something else sets them as well",
    );
    expect(() => verifyBan("2-3", observed("IRQBALANCE_BANNED_CPULIST=1"), false)).toThrow(
      "/etc/default/irqbalance says otherwise in the end: observed 1, expected 2-3",
    );
  });
});
