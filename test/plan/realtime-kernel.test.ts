import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import { bootLoader, menuEntries, type ObservedBootLoader } from "../../sdk/observe/boot-loader.ts";
import { packagedKernels } from "../../sdk/observe/packaged-kernels.ts";
import type { Shown } from "../../sdk/plan/boot-argument-table.ts";
import { judgeAll, planBoot, requireEffective } from "../../sdk/plan/boot-reboot.ts";
import { entryId } from "../../sdk/plan/boot-sets.ts";
import {
  foundLoader,
  isStaged,
  kernelToKeep,
  MENU_SCRIPT,
  promoteSteps,
  provenFile,
  requireStaged,
  setFile,
  stagedEntry,
  unstageSteps,
} from "../../sdk/plan/grub-menu.ts";
import {
  chooseSteps,
  foundDefault,
  holdSteps,
  kernelFile,
  kernelStates,
  pinSteps,
  promoteAgain,
  realtimePackage,
  requireKernel,
  shortOfKernel,
  unchooseSteps,
  usualRelease,
} from "../../sdk/plan/realtime-kernel.ts";
import { recorded, said } from "../observe/recorded.ts";

const USUAL = "6.12.117+deb13-amd64";
const REALTIME = "6.12.107+deb13-rt-amd64";
const MENU = "/boot/grub/grub.cfg";
const ENVIRONMENT = "/boot/grub/grubenv";
const SCRIPT = "/etc/grub.d/42_nfvlab";
const FOLDER = "/etc/default/grub.d";
const KERNEL_FILE = `${FOLDER}/89-nfvlab-kernel.cfg`;
const PROVEN = `${FOLDER}/91-nfvlab.cfg`;
const SET = `${FOLDER}/90-nfvlab-nfv.cfg`;

const linux = recorded("grub/2.12/two-kernels.cfg").stdout;
const head = `if [ "\${next_entry}" ] ; then\n   set default="\${next_entry}"\nelse\n   set default="\${saved_entry}"\nfi\n`;
const disk = /gnulinux-simple-([0-9a-f-]{36})/.exec(linux)?.[1];
const usualEntry = `gnulinux-advanced-${disk}>gnulinux-${USUAL}-advanced-${disk}`;
const args = (text: string) => parseBootArguments(text).kernel;
const isolating = args("isolcpus=3 nohz_full=3");
const block = (variables: string) => `# GRUB Environment Block\n${variables}`.padEnd(1024, "#");

type Files = Readonly<Record<string, string>>;

/** A machine as its files make it, with the entries that grub-mkconfig would make of them. */
function machine(files: Files = {}, saved = ""): ObservedBootLoader {
  const all: Files = {
    [MENU]: head + linux + madeBy(files),
    [ENVIRONMENT]: block(saved === "" ? "" : `saved_entry=${saved}\n`),
    ...(Object.keys(files).length > 0 && { [SCRIPT]: MENU_SCRIPT }),
    ...files,
  };
  const lines = Object.entries(all).map(
    ([path, text]) => `@file ${path} ${Buffer.from(text, "latin1").toString("base64")}`,
  );
  return bootLoader.parse(
    said(["@system debian ", "@mount /dev/vda1 ext4", `@folder ${FOLDER}`, ...lines].join("\n")),
  );
}

/** Our script, run as grub-mkconfig does, beside what the distribution's own makes of two kernels without submenus. */
function madeBy(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), "nfvlab-grub-"));
  try {
    const entry = (release: string) =>
      `menuentry 'GNU/Linux, with Linux ${release}' --class os $menuentry_id_option 'gnulinux-${release}-advanced-1' {
\tlinux\t/boot/vmlinuz-${release} root=UUID=1 ro $GRUB_CMDLINE_LINUX_DEFAULT
}`;
    // The menu that begins with the kernel which came last.
    const distribution = `#!/bin/sh\ncat <<MENU\n${[REALTIME, USUAL].map(entry).join("\n").replaceAll("$menu", "\\$menu")}\nMENU\n`;
    const all: Files = {
      ...files,
      "/etc/grub.d/10_linux": distribution,
      [SCRIPT]: MENU_SCRIPT.replaceAll("/etc/", `${root}/etc/`),
    };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
      if (path.includes("/grub.d/")) chmodSync(join(root, path), 0o755);
    }
    const environment = { ...process.env, GRUB_CMDLINE_LINUX_DEFAULT: "quiet" };
    return execFileSync(join(root, SCRIPT), { env: environment }).toString();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const held = { [KERNEL_FILE]: kernelFile(USUAL, undefined) };
const chosen = { [KERNEL_FILE]: kernelFile(USUAL, REALTIME) };
const set = { [SET]: setFile(isolating, undefined) };
const purposes = (steps: readonly { readonly purpose: string }[]) => steps.map(({ purpose }) => purpose);
const own = (loader: ObservedBootLoader) =>
  loader.entries.filter((entry) => entry.own !== undefined).map(({ id, kernel }) => [id, kernel]);

function shown(release: string, version: string, realtime?: string, entry?: string): Shown {
  return {
    ...{ bootId: "1", kernelRelease: release, commandLine: parseBootArguments("quiet"), hugepages: [] },
    files: new Map([
      ["/proc/sys/kernel/version", version],
      ...(realtime === undefined ? [] : [["/sys/kernel/realtime", realtime] as const]),
    ]),
    ...{ iommus: [], log: { bootedAt: "", complete: true, lines: ["Linux version"] } },
    ...(entry !== undefined && { entry }),
  };
}
const inForce = shown(REALTIME, "#1 SMP PREEMPT_RT Debian 6.12.107-1 (2026-08-29)", "1");
const usual = shown(USUAL, "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-12)");

describe("a menu with two kernels", () => {
  it("is read with the submenus that its entries lie in", () => {
    expect(menuEntries(linux).map(({ submenus, kernel }) => [submenus.length, kernel])).toEqual([
      [0, `/boot/vmlinuz-${USUAL}`],
      [1, `/boot/vmlinuz-${USUAL}`],
      [1, `/boot/vmlinuz-${USUAL}`],
      [1, `/boot/vmlinuz-${REALTIME}`],
      [1, `/boot/vmlinuz-${REALTIME}`],
    ]);
    const [outside] = menuEntries(`${linux}menuentry 'x' {\n\tlinux /boot/x\n}\n`).slice(-1);
    expect(outside?.submenus).toEqual([]);
  });

  it("names the kernel that it boots where nobody chooses, by release, so that a new one in front changes nothing", () => {
    expect(usualRelease(machine(), "6.1")).toBe(USUAL);
    expect(usualRelease(machine({}, usualEntry.replaceAll(USUAL, REALTIME)), "6.1")).toBe(REALTIME);
    const pinned = pinSteps(machine(held, "0"), USUAL, "dut");
    expect(pinned.map(({ argv }) => argv)).toEqual([["grub-set-default", usualEntry]]);
    expect(pinSteps(machine(held, usualEntry), USUAL, "dut")).toEqual([]);
    expect(pinSteps(machine(held, "nfvlab-1"), USUAL, "dut")).toEqual([]);
    expect(() => pinSteps(machine(held), "6.1", "dut")).toThrow(
      /no entry for the kernel that it boots now: observed .*, expected an entry for \/boot\/vmlinuz-6\.1/,
    );
  });
});

describe("the entries of ours", () => {
  it("take the kernel that was chosen, under an id of its own, and restart after a panic until they are proven", () => {
    const loader = machine({ ...chosen, ...set });
    const id = entryId(isolating, REALTIME);
    expect(own(loader)).toEqual([[id, `/boot/vmlinuz-${REALTIME}`]]);
    expect(loader.entries.find((entry) => entry.id === id)?.arguments).toContainEqual({
      name: "panic",
      value: "30",
    });
    expect(isStaged(loader)).toBe(true);
    expect(id).not.toBe(entryId(isolating));
  });

  it("may have a kernel and no argument", () => {
    const loader = machine(chosen);
    expect(own(loader)).toEqual([[entryId([], REALTIME), `/boot/vmlinuz-${REALTIME}`]]);
    expect(isStaged(loader)).toBe(true);
    expect(stagedEntry(loader)).toEqual({ id: entryId([], REALTIME), arguments: [], release: REALTIME });
  });

  it("keep to the kernel before while another one comes, whichever is first in the menu", () => {
    const id = entryId(isolating);
    const proven = { [PROVEN]: provenFile({ id, arguments: isolating }) };
    expect(own(machine({ ...held, ...set, ...proven }))).toEqual([[id, `/boot/vmlinuz-${USUAL}`]]);
    expect(own(machine(set))).toEqual([[id, `/boot/vmlinuz-${REALTIME}`]]);
    expect(own(machine({ ...chosen, ...set, ...proven }))).toEqual([
      [id, `/boot/vmlinuz-${USUAL}`],
      [entryId(isolating, REALTIME), `/boot/vmlinuz-${REALTIME}`],
    ]);
  });

  it("are not made of another kernel where the one that was chosen is gone", () => {
    const loader = machine({ [KERNEL_FILE]: kernelFile(USUAL, "6.1-rt") });
    expect(own(loader)).toEqual([]);
    expect(isStaged(loader)).toBe(false);
    expect(() => requireStaged(loader, "dut")).toThrow(/observed no entry nfvlab-\w+, expected 6\.1-rt/);
  });

  it("hold any arguments under the id that the plan expects", () => {
    const word = fc.stringMatching(/^[a-z][a-z_]{0,8}(=[a-z0-9,:-]{1,8})?$/);
    const releases = fc.constantFrom(undefined, REALTIME, USUAL);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), releases, (words, release) => {
        const list = args(words.join(" "));
        const files = { [SET]: setFile(list, undefined), [KERNEL_FILE]: kernelFile(USUAL, release) };
        expect(own(machine(files))).toEqual([[entryId(list, release), `/boot/vmlinuz-${release ?? USUAL}`]]);
        expect(isStaged(machine(files))).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});

describe("a real-time kernel", () => {
  it("is held back, chosen, and proven by steps that are none once done", () => {
    expect(purposes(holdSteps(machine(), USUAL))).toEqual([`write ${SCRIPT}`, `write ${KERNEL_FILE}`]);
    const byHand = { ...machine(), entries: [], menuDefault: "2" } as ObservedBootLoader;
    expect(purposes(holdSteps(byHand, USUAL))).toEqual([
      "make entry 2 the default",
      `write ${SCRIPT}`,
      `write ${KERNEL_FILE}`,
      "make GRUB's menu anew",
      "check GRUB's menu",
    ]);
    expect(holdSteps(machine(held), USUAL)).toEqual([]);
    const [file] = chooseSteps(machine(held), "another", REALTIME);
    expect(file?.stdin).toMatchInlineSnapshot(`
      "# Written by nfvlab; removed when its resource is deleted.
      GRUB_DEFAULT=saved
      NFVLAB_KERNEL="6.12.117+deb13-amd64"
      NFVLAB_CHOSEN_KERNEL="6.12.107+deb13-rt-amd64"
      "
    `);
    const staged = stagedEntry(machine({ ...chosen, ...set }));
    if (staged === undefined) throw new Error("nothing is staged");
    const proven = { [PROVEN]: provenFile(staged) };
    expect(purposes(promoteSteps(staged, machine({ ...chosen, ...set })))).toContain(
      `make entry ${staged.id} the default`,
    );
    expect(promoteSteps(staged, machine({ ...chosen, ...set, ...proven }, staged.id))).toEqual([]);
    const again = promoteAgain(machine({ ...chosen, ...set, ...proven }, "0"));
    expect(again.map(({ argv }) => argv)).toEqual([["grub-set-default", staged.id]]);
    expect(promoteAgain(machine({ ...chosen, ...set, ...proven }, staged.id))).toEqual([]);
    expect(promoteAgain(machine({ ...chosen, ...proven }, "0"))).toEqual([]);
    expect(own(machine({ ...chosen, ...set, ...proven }))).toEqual([
      [staged.id, `/boot/vmlinuz-${REALTIME}`],
    ]);
  });

  it("asks for a reboot, and counts as in force by its own evidence alone", () => {
    const loader = machine({ ...chosen });
    const id = entryId([], REALTIME);
    expect(planBoot(loader, usual)).toEqual({ entry: id, isDue: true, isTrial: true });
    expect(planBoot(loader, { entry: id })).toMatchObject({ isDue: false });
    expect(judgeAll(loader, inForce).pending).toEqual([]);
    expect(() => requireEffective(judgeAll(loader, usual), "dut")).toThrow(
      `not in force: kernel ${REALTIME} (${USUAL} runs)`,
    );
    expect(shortOfKernel(REALTIME, shown(REALTIME, "#1 SMP PREEMPT_DYNAMIC"))).toEqual([
      `PREEMPT_RT of kernel ${REALTIME}`,
    ]);
    expect(shortOfKernel(REALTIME, shown(REALTIME, "#1 SMP PREEMPT_RT", "0"))).toHaveLength(1);
    expect(shortOfKernel(REALTIME, shown(REALTIME, "#1 SMP PREEMPT_RT"))).toEqual([]);
    expect(shortOfKernel(undefined, usual)).toEqual([]);
  });

  it("lets boot arguments be set beside it without a kernel of their own", () => {
    expect(kernelToKeep(machine(held, usualEntry), USUAL)).toBeUndefined();
    const before = foundLoader(machine(), "");
    expect(unstageSteps("nfv", machine({ ...chosen, ...set }), before)[0]?.argv).toEqual(["rm", "-f", SET]);
  });

  it("says how far it has come", () => {
    const kernels = packagedKernels.parse(recorded("apt/packaged-kernels.txt"));
    expect(kernels.architecture).toBe("amd64");
    expect([...kernels.releases]).toEqual(
      expect.arrayContaining([
        ["linux-image-rt-amd64", REALTIME],
        [`linux-image-${REALTIME}`, REALTIME],
        ["linux-image-amd64", USUAL],
      ]),
    );
    const name = "linux-image-rt-amd64";
    expect(requireKernel(name, kernels, "dut")).toBe(REALTIME);
    const id = entryId([], REALTIME);
    const all = { kernel: REALTIME, entry: id, installed: true, configured: true };
    expect(kernelStates(name, kernels, machine(chosen), usual)).toEqual({
      ...all,
      promoted: false,
      running: false,
    });
    expect(kernelStates(name, kernels, machine(chosen, id), inForce)).toEqual({
      ...all,
      promoted: true,
      running: true,
    });
    expect(kernelStates(name, kernels, machine(held), usual)).toMatchObject({
      installed: true,
      configured: false,
    });
    const none = { ...kernels, releases: new Map<string, string>() };
    expect(kernelStates(name, none, machine(chosen), inForce)).toMatchObject({
      installed: false,
      configured: false,
    });
  });

  it.each([
    ["ubuntu debian", "amd64"],
    ["rhel fedora", ""],
    ["debian", "riscv64"],
  ])("has no package on %s for %s", (system, architecture) => {
    expect(() => realtimePackage(system, architecture, "dut")).toThrowErrorMatchingSnapshot();
  });

  it("is refused where a package brought none", () => {
    const kernels = {
      architecture: "amd64",
      releases: new Map([["linux-image-amd64", USUAL]]),
      realtime: new Set<string>(),
    };
    expect(realtimePackage("debian", "amd64", "dut")).toBe("linux-image-rt-amd64");
    expect(() => requireKernel("linux-image-amd64", kernels, "dut")).toThrowErrorMatchingSnapshot();
    expect(() => requireKernel("rt-tests", kernels, "dut")).toThrow(
      /no \/boot\/vmlinuz-\* that it owns or needs/,
    );
  });
});

describe("what a real-time kernel leaves", () => {
  const found = foundLoader(machine(), "");
  const id = entryId(isolating);

  it("is the default that was there, and nothing of ours without boot arguments", () => {
    const steps = unchooseSteps(machine(chosen, entryId([], REALTIME)), found, foundDefault(machine()));
    expect(steps.map(({ argv }) => argv)).toEqual([
      ["grub-set-default", "0"],
      ["rm", "-f", KERNEL_FILE, PROVEN, SCRIPT],
      ["update-grub"],
      ["grub-script-check", MENU],
    ]);
  });

  it("is the entry of boot arguments as it was proven, and as the default", () => {
    const proven = provenFile({ id, arguments: isolating });
    const before = foundDefault(machine({ ...set, [PROVEN]: proven }, id));
    const now = machine({ ...chosen, ...set }, entryId(isolating, REALTIME));
    const steps = unchooseSteps(now, found, before);
    expect(steps[0]?.argv).toEqual(["grub-set-default", id]);
    expect(steps.find(({ purpose }) => purpose === `write ${PROVEN}`)?.stdin).toBe(proven);
    const others = machine(
      { ...chosen, [SET]: setFile(args("audit=0"), undefined) },
      entryId(args("audit=0"), REALTIME),
    );
    expect(unchooseSteps(others, found, before).map(({ argv }) => argv)).toEqual([
      ["grub-set-default", "0"],
      ["rm", "-f", KERNEL_FILE],
      ["rm", "-f", PROVEN],
      ["update-grub"],
      ["grub-script-check", MENU],
    ]);
  });

  it("is a default that somebody else has chosen since", () => {
    expect(unchooseSteps(machine(chosen, "theirs"), found, foundDefault(machine()))[0]?.argv[0]).toBe("rm");
  });
});
