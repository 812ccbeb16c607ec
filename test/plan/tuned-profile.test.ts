import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tuned } from "../../sdk/observe/tuned.ts";
import {
  deselectProfile,
  drifted,
  liveDifferences,
  pendingArguments,
  requireTuned,
  selectProfile,
  variablesIn,
  verifySelected,
  withVariables,
} from "../../sdk/plan/tuned-profile.ts";
import { HostError, VerificationError } from "../../sdk/units/errors.ts";
import { refusalOf } from "./refusal.ts";

const encoded = (text: string) => Buffer.from(text).toString("base64");
const variables = "# Reserve 1 core.\nisolated_cores=${f:calc_isolated_cores:1}\nisolate_managed_irq=Y\n";
const said = (...lines: string[]) => ({
  code: 0,
  stdout: lines.map((line) => `${line}\n`).join(""),
  stderr: "",
});
const server = [
  "LoadState=loaded",
  "ActiveState=active",
  "UnitFileState=enabled",
  `@file /etc/tuned/active_profile ${encoded("realtime-virtual-host\n")}`,
  `@file /etc/tuned/profile_mode ${encoded("manual\n")}`,
  `@file /etc/tuned/bootcmdline ${encoded('TUNED_BOOT_CMDLINE="skew_tick=1 nohz_full=2-3"\nTUNED_BOOT_INITRD_ADD=""\n')}`,
  `@file /etc/tuned/realtime-virtual-host-variables.conf ${encoded(variables)}`,
  "@profile /usr/lib/tuned/profiles/balanced",
  "@profile /usr/lib/tuned/profiles/realtime-virtual-host",
  "@profile /etc/tuned/profiles/realtime-virtual-host",
  `@file /etc/tuned/profiles/realtime-virtual-host/tuned.conf ${encoded("[variables]\ninclude=/etc/tuned/realtime-virtual-host-variables.conf\n")}`,
  "@folder /etc/tuned/profiles",
  "@kernel BOOT_IMAGE=/vmlinuz skew_tick=1 quiet",
];
const parse = (...more: string[]) => tuned("realtime-virtual-host", true).parse(said(...server, ...more));

describe("what is seen of TuneD", () => {
  test("selection, profiles, variables and boot arguments", () => {
    const seen = parse();
    expect(seen).toMatchObject({
      isInstalled: true,
      isRunning: true,
      isEnabled: true,
      profile: "realtime-virtual-host",
      mode: "manual",
      ownFolder: "/etc/tuned/profiles",
      differences: undefined,
    });
    expect(seen.profiles.get("realtime-virtual-host")).toBe("/etc/tuned/profiles/realtime-virtual-host");
    expect(variablesIn(seen.variables.get("realtime-virtual-host")!)).toEqual({
      isolated_cores: "${f:calc_isolated_cores:1}",
      isolate_managed_irq: "Y",
    });
    expect(pendingArguments(seen)).toEqual(["nohz_full=2-3"]);
  });

  test("a machine without it", () => {
    const seen = tuned("x", false).parse(
      said("LoadState=not-found", "ActiveState=inactive", "UnitFileState="),
    );
    expect(seen).toMatchObject({
      isInstalled: false,
      isRunning: false,
      profile: "",
      ownFolder: "/etc/tuned",
    });
  });

  test("what it found otherwise, boot arguments apart", () => {
    const seen = parse(
      "@verified 1",
      "@differs cmdline arg 'nohz_full' is missing, expected 'nohz_full=2-3'",
      "@differs 'kernel.timer_migration' = '1', expected '0'",
    );
    expect(liveDifferences(seen)).toEqual(["'kernel.timer_migration' = '1', expected '0'"]);
    expect(liveDifferences(parse("@verified 0"))).toEqual([]);
  });
});

describe("recorded on Debian 13", () => {
  const file = join(import.meta.dirname, "../fixtures/tuned/realtime-virtual-host.txt");
  const seen = tuned("realtime-virtual-host", true).parse(said(readFileSync(file, "utf8")));

  test("the profile, where profiles lie, and its variables", () => {
    expect(seen).toMatchObject({
      isRunning: true,
      isEnabled: false,
      mode: "manual",
      ownFolder: "/etc/tuned/profiles",
    });
    expect(seen.profiles.get("cpu-partitioning")).toBe("/usr/lib/tuned/profiles/cpu-partitioning");
    expect(variablesIn(seen.variables.get("realtime-virtual-host")!)["isolated_cores"]).toBe("2-3");
    requireTuned("realtime-virtual-host", undefined, { isolated_cores: "2-3" }, seen, "dut");
  });

  test("what a boot will bring, and what a hand has changed", () => {
    expect(pendingArguments(seen)).toHaveLength(9);
    expect(pendingArguments(seen)).not.toContain("tsc=reliable");
    expect(liveDifferences(seen)).toHaveLength(6);
    const atFirst = liveDifferences(seen).filter((text) => !text.includes("timer_migration"));
    expect(drifted(liveDifferences(seen), atFirst)).toEqual(["'kernel.timer_migration' = '1', expected ''"]);
  });
});

describe("drift", () => {
  const atFirst = ["device cpu0: 'force_latency' = '5', expected '3'"];
  test("is what was right when the profile was applied", () => {
    expect(drifted([...atFirst, "'vm.stat_interval' = '1', expected '10'"], atFirst)).toEqual([
      "'vm.stat_interval' = '1', expected '10'",
    ]);
  });
  test("is not what was never taken, whatever its value now", () => {
    expect(drifted(["device cpu0: 'force_latency' = '7', expected '3'"], atFirst)).toEqual([]);
  });
});

describe("a file of variables", () => {
  test("keeps every other line, and takes each value where its last mention was", () => {
    expect(
      withVariables(`${variables}isolated_cores=1`, { isolated_cores: "2-3", netdev_queue_count: "2" }),
    ).toBe("# Reserve 1 core.\nisolate_managed_irq=Y\nisolated_cores=2-3\nnetdev_queue_count=2\n");
    expect(withVariables("", { a: "1" })).toBe("a=1\n");
  });

  const key = fc.stringMatching(/^[a-z]{1,3}$/);
  const value = fc.stringMatching(/^[0-9,-]{0,5}$/);
  const line = fc.oneof(
    fc.tuple(key, value).map(([name, text]) => `${name}=${text}`),
    fc.constantFrom("", "# comment", "#isolated_cores=2-3", "[section]"),
  );
  test("then gives what was written, and what it gave of others", () => {
    fc.assert(
      fc.property(fc.array(line), fc.dictionary(key, value), (lines, values) => {
        const text = lines.map((one) => `${one}\n`).join("");
        const after = withVariables(text, values);
        expect(variablesIn(after)).toEqual({ ...variablesIn(text), ...values });
        expect(withVariables(after, values)).toBe(after);
      }),
    );
  });
});

describe("steps", () => {
  const argvs = (steps: readonly { argv: readonly string[] }[]) => steps.map(({ argv }) => argv.join(" "));

  test("select a profile after its variables and its service", () => {
    const steps = selectProfile("realtime-virtual-host", undefined, { isolated_cores: "2-3" }, parse());
    expect(steps[0]?.stdin).toContain("isolated_cores=2-3\n");
    expect(argvs(steps.slice(1))).toEqual([
      "systemctl enable --now --quiet tuned.service",
      "tuned-adm profile realtime-virtual-host",
    ]);
  });

  test("tell a stopped TuneD its profile before it is started, since it would choose one", () => {
    const steps = selectProfile("balanced", undefined, {}, { ...parse(), isRunning: false });
    expect(steps.map(({ argv, stdin }) => [argv.at(-1), stdin])).toEqual([
      ["/etc/tuned/active_profile", "balanced\n"],
      ["/etc/tuned/profile_mode", "manual\n"],
      ["tuned.service", undefined],
      ["balanced", undefined],
    ]);
  });

  test("write a definition where this version looks for it", () => {
    const [first] = selectProfile("lab", "[main]\nsummary=a\n", {}, parse());
    expect(first?.argv.at(-1)).toBe("/etc/tuned/profiles/lab/tuned.conf");
  });

  test("go back to the profile that was there, by hand or by itself, or to none", () => {
    const found = { profile: "balanced", mode: "manual", isRunning: true, isEnabled: true } as const;
    expect(argvs(deselectProfile(found))).toEqual(["tuned-adm profile balanced"]);
    expect(argvs(deselectProfile({ ...found, mode: "auto" }))).toEqual(["tuned-adm auto_profile"]);
    expect(argvs(deselectProfile({ ...found, profile: "", isRunning: false, isEnabled: false }))).toEqual([
      "tuned-adm off",
      "systemctl stop tuned.service",
      "systemctl disable --quiet tuned.service",
    ]);
  });
});

describe("refusals", () => {
  test("say what is there and what to do", async () => {
    const seen = parse();
    const texts = [
      refusalOf(() => requireTuned("x", undefined, {}, { ...seen, isInstalled: false }, "dut"), HostError),
      refusalOf(() => requireTuned("realtime-virtual-hots", undefined, {}, seen, "dut"), HostError),
      refusalOf(() => requireTuned("balanced", undefined, { isolated_cores: "2-3" }, seen, "dut"), HostError),
      refusalOf(() => verifySelected("balanced", seen), VerificationError),
      refusalOf(
        () => verifySelected("balanced", { ...seen, profile: "", isRunning: false }),
        VerificationError,
      ),
    ];
    await expect(`${texts.join("\n")}\n`).toMatchFileSnapshot("../golden/tuned/refusals.txt");
  });

  test("let pass what TuneD has, and what the program defines", () => {
    const seen = parse();
    requireTuned("realtime-virtual-host", undefined, { isolated_cores: "2-3" }, seen, "dut");
    requireTuned("lab", "[main]\nsummary=a\n", {}, seen, "dut");
  });
});
