import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedModule } from "../../sdk/observe/module-parameters.ts";
import {
  configuredIn,
  effectiveOf,
  modprobeText,
  observedParameters,
  pendingOf,
  planParameters,
  requireModule,
  restoreParameters,
  verifyParameters,
} from "../../sdk/plan/module-parameters.ts";
import type { Step } from "../../sdk/plan/step.ts";

const names = ["halt_poll_ns", "nx_huge_pages", "ple_gap"];
const value = fc.oneof(fc.boolean(), fc.nat(10_000), fc.constantFrom("Y", "1,2", "auto"));
const wanted = fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1 });
const shown = fc.record({ text: fc.constantFrom("Y", "N", "0", "200000"), writable: fc.boolean() });
const module = fc
  .record({ halt_poll_ns: shown, nx_huge_pages: shown, ple_gap: shown })
  .map((values) => loaded(values));

function loaded(values: Record<string, { text: string; writable: boolean }>, text = ""): ObservedModule {
  return { presence: "loaded", values: new Map(Object.entries(values)), known: new Set(names), text };
}

/** A kernel that takes what is written. */
function afterwards(steps: readonly Step[], before: ObservedModule): ObservedModule {
  const values = new Map(before.values);
  for (const line of steps.flatMap(({ stdin = "" }) => stdin.trimEnd().split("\n"))) {
    const [path = "", text = ""] = line.split(" ");
    const name = path.split("/").at(-1) as string;
    expect(values.get(name)?.writable).toBe(true);
    values.set(name, { text, writable: true });
  }
  return { ...before, values };
}

describe("parameters of a module", () => {
  it("are written where the kernel takes it; the others are pending, and nothing else", () => {
    fc.assert(
      fc.property(wanted, module, (values, before) => {
        const after = afterwards(planParameters("kvm", values, before), before);
        expect(() => verifyParameters(values, after, new Map())).not.toThrow();
        expect(planParameters("kvm", values, after)).toEqual([]);
        for (const name of pendingOf(values, after)) expect(after.values.get(name)?.writable).toBe(false);
        const configured = { ...after, text: modprobeText("kvm", values) };
        expect(observedParameters(values, configured)).toEqual(values);
      }),
    );
  });

  it("go back to what was found, but for those that somebody else has changed", () => {
    fc.assert(
      fc.property(wanted, module, fc.subarray(names), (values, before, theirs) => {
        const found = effectiveOf(values, before);
        const ours = afterwards(planParameters("kvm", values, before), before);
        const during = loaded(Object.fromEntries([...ours.values]));
        const changed = new Map(during.values);
        for (const name of theirs)
          if (changed.get(name)?.writable === true) changed.set(name, { text: "77", writable: true });
        const now = { ...during, values: changed };
        const { target, changedByOthers } = restoreParameters(found, effectiveOf(values, ours), now);
        const after = afterwards(planParameters("kvm", target, now), now);
        for (const name of Object.keys(values)) {
          const left = changed.get(name)?.text === "77" ? "77" : before.values.get(name)?.text;
          expect([name, after.values.get(name)?.text]).toEqual([name, left]);
        }
        expect(changedByOthers.every((name) => theirs.includes(name))).toBe(true);
      }),
    );
  });

  it("are configured by a file that reads back as it was written", () => {
    fc.assert(
      fc.property(wanted, (values) => {
        const text = modprobeText("kvm-intel", values);
        expect(Object.keys(configuredIn(text)).sort()).toEqual(Object.keys(values).sort());
        expect(modprobeText("kvm-intel", configuredIn(text))).toBe(text);
      }),
    );
    expect(modprobeText("kvm", { nx_huge_pages: false, halt_poll_ns: 0 })).toBe(
      "# Written by nfvlab; removed when its resource is deleted.\noptions kvm halt_poll_ns=0 nx_huge_pages=N\n",
    );
  });

  it("of a module that is not loaded are pending", () => {
    const installed: ObservedModule = { ...loaded({}), presence: "installed" };
    expect(planParameters("kvm", { ple_gap: 0 }, installed)).toEqual([]);
    expect(pendingOf({ ple_gap: 0 }, installed)).toEqual(["ple_gap"]);
    expect(effectiveOf({ ple_gap: 0 }, installed)).toEqual({});
  });

  it("show the file's value where the kernel takes none until the next load", () => {
    const text = modprobeText("kvm", { ple_gap: 5 });
    expect(
      observedParameters({ ple_gap: 0 }, loaded({ ple_gap: { text: "128", writable: false } }, text)),
    ).toEqual({
      ple_gap: 5,
    });
  });

  it("that a module does not have are named, with those that it has", () => {
    expect(() => requireModule("kvm", { halt_pol_ns: 0, ple_gap: 0 }, loaded({}), "dut")).toThrow(
      "parameters: module kvm on dut has no parameter halt_pol_ns: observed halt_pol_ns, expected halt_poll_ns, nx_huge_pages, ple_gap",
    );
  });

  it("of what is built in are boot arguments", () => {
    const builtIn: ObservedModule = { ...loaded({}), presence: "built-in" };
    expect(() => requireModule("kvm", { nx_huge_pages: false }, builtIn, "dut")).toThrow(
      /is built into the kernel of dut.*set it as a boot argument: kvm.nx_huge_pages=N/,
    );
    expect(() => requireModule("kvmm", { a: 1 }, { ...builtIn, presence: "unknown" }, "dut")).toThrow(
      "module: the kernel of dut has no module kvmm",
    );
  });

  it("that the kernel does not take are told with its reason", () => {
    const refusals = new Map([["/sys/module/kvm/parameters/halt_poll_ns", "Invalid argument"]]);
    const now = loaded({ halt_poll_ns: { text: "200000", writable: true } });
    expect(() => verifyParameters({ halt_poll_ns: "auto" }, now, refusals)).toThrow(
      "observed halt_poll_ns = 200000, expected halt_poll_ns = auto; it refused with Invalid argument",
    );
  });
});
