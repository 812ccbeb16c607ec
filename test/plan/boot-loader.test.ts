import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import { bootLoader, menuEntries, type ObservedBootLoader } from "../../sdk/observe/boot-loader.ts";
import { pendingBoot } from "../../sdk/plan/boot-loader.ts";
import {
  planBoot,
  requireNoForeignGuests,
  requireRemote,
  requireUntried,
} from "../../sdk/plan/boot-reboot.ts";
import { entryId, givenBefore, stagedLine } from "../../sdk/plan/boot-sets.ts";
import {
  defaultEntry,
  foundLoader,
  isConfigured,
  kernelToKeep,
  MENU_SCRIPT,
  ownEntry,
  promoteSteps,
  requireOneShot,
  requireStaged,
  restoreSteps,
  setFile,
  stageSteps,
  unstageSteps,
} from "../../sdk/plan/grub-menu.ts";
import { recorded, said } from "../observe/recorded.ts";

const MENU = "/boot/grub/grub.cfg";
const ENVIRONMENT = "/boot/grub/grubenv";
const menu = recorded("grub/2.12/grub.cfg").stdout;
const args = (text: string) => parseBootArguments(text).kernel;
const isolating = args("isolcpus=3 nohz_full=3");
const id = entryId(isolating);

const entry = (own: string, name = entryId(args(own))) =>
  `menuentry 'x' --class os $menuentry_id_option '${name}' {\n\tlinux\t/boot/vmlinuz-6.12 root=UUID=1 ro quiet nfvlab.boot=${name} ${own} $vt_handoff\n}\n`;
const block = (variables: string) => `# GRUB Environment Block\n${variables}`.padEnd(1024, "#");

/** A machine as its files make it. */
function machine(
  files: Readonly<Record<string, string>> = {},
  facts = "@mount /dev/vda1 ext4",
): ObservedBootLoader {
  const all = {
    [MENU]: menu,
    [ENVIRONMENT]: block(""),
    "/etc/default/grub": "GRUB_DEFAULT=saved\n",
    ...files,
  };
  const lines = Object.entries(all).map(
    ([path, text]) => `@file ${path} ${Buffer.from(text, "latin1").toString("base64")}`,
  );
  const commands = [
    "update-grub",
    "grub-mkconfig",
    "grub-reboot",
    "grub-set-default",
    "grub-editenv",
    "grub-script-check",
  ];
  return bootLoader.parse(
    said(
      [
        "@system debian ",
        ...commands.map((name) => `@command ${name}`),
        "@folder /etc/default/grub.d",
        facts,
        ...lines,
      ].join("\n"),
    ),
  );
}

const staged = {
  [MENU]: menu + entry("isolcpus=3 nohz_full=3"),
  "/etc/grub.d/42_nfvlab": MENU_SCRIPT,
  "/etc/default/grub.d/90-nfvlab-nfv.cfg": setFile(isolating, undefined),
};
const purposes = (steps: readonly { readonly purpose: string }[]) => steps.map(({ purpose }) => purpose);

describe("a menu of GRUB", () => {
  it("is read with its submenus, and with what is ours in it", () => {
    const entries = menuEntries(menu);
    expect(entries.map(({ id: name }) => name.replace(/[0-9a-f]{8}-.*$/, "UUID"))).toEqual([
      "gnulinux-simple-UUID",
      "gnulinux-6.12.117+deb13-amd64-advanced-UUID",
      "gnulinux-6.12.117+deb13-amd64-recovery-UUID",
    ]);
    expect(entries[0]?.arguments.map(({ name }) => name)).toContain("intel_iommu");
    const [own] = menuEntries(entry("skew_tick=1"));
    expect(own).toMatchObject({ kernel: "/boot/vmlinuz-6.12", own: [{ name: "skew_tick", value: "1" }] });
  });

  it("goes by its own first entry, by a number, or by what was saved", () => {
    expect(defaultEntry(machine())).toBe("0");
    expect(defaultEntry(machine({ [ENVIRONMENT]: block("saved_entry=1>2\n") }))).toBe("1>2");
    expect(defaultEntry(machine({ [MENU]: menu.replace(`"\${saved_entry}"`, '"2"') }))).toBe("2");
    expect(ownEntry(machine(staged))?.id).toMatch(/^gnulinux-simple/);
  });

  it("keeps the kernel that runs where its default is another entry than the first", () => {
    const [, second] = menuEntries(menu);
    const chosen = machine({ [ENVIRONMENT]: block(`saved_entry=gnulinux-advanced-1>${second?.id}\n`) });
    expect(kernelToKeep(chosen, "6.1-rt")).toBe("6.1-rt");
    expect(ownEntry(chosen)?.id).toBe(second?.id);
    expect(kernelToKeep(machine(), "6.1-rt")).toBeUndefined();
    const kept = { "/etc/default/grub.d/90-nfvlab-nfv.cfg": setFile(isolating, "6.1-rt") };
    expect(kernelToKeep(machine({ ...kept, [ENVIRONMENT]: block("saved_entry=nfvlab-1\n") }), "6.2")).toBe(
      "6.1-rt",
    );
  });
});

describe("a set of boot arguments", () => {
  it("has a file and a script that a shell takes", () => {
    expect(setFile(isolating, "6.1-rt")).toMatchInlineSnapshot(`
      "# Written by nfvlab; removed when its resource is deleted.
      GRUB_DEFAULT=saved
      NFVLAB_KERNEL="6.1-rt"
      NFVLAB_ARGUMENTS="isolcpus=3 nohz_full=3"
      "
    `);
    execFileSync("sh", ["-n"], { input: MENU_SCRIPT });
    expect(
      machine({ "/etc/default/grub.d/90-nfvlab-a.b.cfg": setFile(isolating, "6") }).sets.get("a.b"),
    ).toEqual(isolating);
  });

  it("is staged by its file, the script and a menu made anew, and then by nothing more", () => {
    expect(purposes(stageSteps("nfv", isolating, machine(), undefined))).toEqual([
      "write /etc/grub.d/42_nfvlab",
      "write /etc/default/grub.d/90-nfvlab-nfv.cfg",
      "make GRUB's menu anew",
      "check GRUB's menu",
    ]);
    expect(stageSteps("nfv", isolating, machine(staged), undefined)).toEqual([]);
    expect(isConfigured("nfv", isolating, machine(staged))).toBe(true);
  });

  it("leaves the default what it was where the menu did not go by what is saved", () => {
    const numbered = machine({
      [MENU]: menu.replace(`"\${saved_entry}"`, '"1>2"'),
      [ENVIRONMENT]: block("saved_entry=9\n"),
    });
    expect(stageSteps("nfv", isolating, numbered, undefined)[0]?.argv).toEqual(["grub-set-default", "1>2"]);
    const proven = machine({
      [MENU]: menu.replace(`"\${saved_entry}"`, '"0"'),
      [ENVIRONMENT]: block("saved_entry=nfvlab-1\n"),
    });
    expect(purposes(stageSteps("nfv", isolating, proven, undefined))).not.toContain(
      "make entry 0 the default",
    );
  });

  it.each([
    ["an entry with other arguments", { [MENU]: menu + entry("isolcpus=3 nohz_full=1", id) }],
    ["no entry", { [MENU]: menu }],
    ["a menu with a fixed default", { [MENU]: staged[MENU].replace(`"\${saved_entry}"`, '"0"') }],
  ])("is not staged with %s", (_, files) => {
    const loader = machine({ ...staged, ...files });
    expect(isConfigured("nfv", isolating, loader)).toBe(false);
    expect(() => requireStaged(loader, "dut")).toThrow(/the boot menu of dut does not have the entry/);
    expect(purposes(stageSteps("nfv", isolating, loader, undefined))).toContain("make GRUB's menu anew");
  });

  it("becomes the default with a file that keeps its entry, once", () => {
    expect(purposes(promoteSteps({ id, arguments: isolating }, machine(staged)))).toEqual([
      "write /etc/default/grub.d/91-nfvlab.cfg",
      "make GRUB's menu anew",
      "check GRUB's menu",
      `make entry ${id} the default`,
    ]);
    const text = promoteSteps({ id, arguments: isolating }, machine(staged))[0]?.stdin ?? "";
    const promoted = {
      "/etc/default/grub.d/91-nfvlab.cfg": text,
      [ENVIRONMENT]: block(`saved_entry=${id}\n`),
    };
    expect(promoteSteps({ id, arguments: isolating }, machine({ ...staged, ...promoted }))).toEqual([]);
  });

  it("stands behind those of other sets by the names of their files", () => {
    const sets = new Map([
      ["b", args("b=1")],
      ["a", args("a=1")],
      ["a-c", args("c=1")],
    ]);
    expect(stagedLine(sets).map(({ name }) => name)).toEqual(["c", "a", "b"]);
  });

  it("does not count what stands before our mark on a command line", () => {
    expect(givenBefore(args("quiet panic=30 nfvlab.boot=x isolcpus=3"))).toEqual(args("quiet panic=30"));
    expect(givenBefore(args("quiet isolcpus=3"))).toEqual(args("quiet isolcpus=3"));
  });
});

describe("a reboot", () => {
  it("is due where the machine runs by another entry than the staged one", () => {
    expect(planBoot(machine(), {})).toEqual({ entry: undefined, isDue: false, isTrial: false });
    expect(planBoot(machine(staged), {})).toEqual({ entry: id, isDue: true, isTrial: true });
    expect(planBoot(machine(staged), { entry: id })).toMatchObject({ isDue: false });
    expect(planBoot(machine(), { entry: id })).toMatchObject({
      entry: undefined,
      isDue: true,
      isTrial: false,
    });
    const kept = machine({ ...staged, [ENVIRONMENT]: block(`saved_entry=${id}\n`) });
    expect(planBoot(kept, {})).toMatchObject({ isDue: true, isTrial: false });
  });

  it.each([
    ["RHEL", "", (loader: ObservedBootLoader) => ({ ...loader, system: "rhel fedora" })],
    ["no GRUB", "", (loader: ObservedBootLoader) => ({ ...loader, commands: new Set<string>() })],
    ["LVM", "@mount /dev/mapper/vg-root ext4", (loader: ObservedBootLoader) => loader],
    ["RAID", "@mount /dev/md0 ext4", (loader: ObservedBootLoader) => loader],
    [
      "what GRUB calls a layer",
      "@mount /dev/sda1 ext4\n@abstraction lvm ",
      (loader: ObservedBootLoader) => loader,
    ],
    ["btrfs", "@mount /dev/sda2 btrfs", (loader: ObservedBootLoader) => loader],
  ])("is refused on %s", (_, facts, change) => {
    expect(() => requireOneShot(change(machine({}, facts)), "dut")).toThrowErrorMatchingSnapshot();
  });

  it("is possible on a plain partition", () => {
    expect(() => requireOneShot(machine(), "dut")).not.toThrow();
    expect(() => requireOneShot({ ...machine(), system: "linuxmint ubuntu debian" }, "dut")).not.toThrow();
  });

  it("spares guests of others and the machine that this runs on, and tries no failed entry twice", () => {
    const guest = { name: "db", state: "running" } as never;
    const own = { name: "vnf", state: "running", owner: "1" } as never;
    expect(() => requireNoForeignGuests([guest, own], "dut")).toThrow(
      /guests of others run on dut.*db \(running\)/,
    );
    expect(() =>
      requireNoForeignGuests([own, { name: "old", state: "shut off" } as never], "dut"),
    ).not.toThrow();
    expect(() => requireRemote({ kind: "local" }, "here")).toThrow(/is the machine that this runs on/);
    expect(() => requireUntried(id, id, "dut")).toThrow(/is back on the one before/);
    expect(() => requireUntried(id, "nfvlab-other", "dut")).not.toThrow();
  });
});

describe("what is put back", () => {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const byHand = "menuentry 'by hand' {\n linux /boot/vmlinuz root=/dev/vda\n}\n";

  it("is all of ours with the last set, and one file with any other", () => {
    const two = { ...staged, "/etc/default/grub.d/90-nfvlab-b.cfg": setFile(args("audit=0"), undefined) };
    const found = foundLoader(machine(), "");
    expect(unstageSteps("nfv", machine(two), found)[0]?.argv).toEqual([
      "rm",
      "-f",
      "/etc/default/grub.d/90-nfvlab-nfv.cfg",
    ]);
    expect(unstageSteps("nfv", machine(staged), found)[0]?.argv).toContain("/etc/grub.d/42_nfvlab");
    expect(purposes(unstageSteps("nfv", machine(staged), { ...found, hadFolder: false }))).toContain(
      "remove /etc/default/grub.d",
    );
  });

  it("is nothing where menu and environment came back by themselves", () => {
    expect(restoreSteps(machine(), foundLoader(machine(), hash(menu)))).toEqual({ steps: [], leftAlone: [] });
  });

  it("is a menu written by hand, byte by byte, unless what menus are made from has changed", () => {
    const found = foundLoader(machine({ [MENU]: byHand }), hash(menu));
    const { steps, leftAlone } = restoreSteps(machine(), found);
    expect(purposes(steps)).toEqual([`put ${MENU} back`]);
    expect(Buffer.from(steps[0]?.stdin ?? "", "base64").toString()).toBe(byHand);
    expect(leftAlone).toEqual([]);
    const later = restoreSteps(machine({ [MENU]: `${menu}# a new kernel\n` }), found);
    expect(later).toEqual({ steps: [], leftAlone: [`${MENU} (what it is made from has changed)`] });
  });

  it("is the environment block, but for what others set in it", () => {
    const found = foundLoader(machine({ [ENVIRONMENT]: block("saved_entry=2\nrecordfail=1\n") }), hash(menu));
    const now = (variables: string) => restoreSteps(machine({ [ENVIRONMENT]: block(variables) }), found);
    expect(purposes(now(`saved_entry=${id}\nnext_entry=\nrecordfail=1\n`).steps)).toEqual([
      `put ${ENVIRONMENT} back`,
    ]);
    expect(now("saved_entry=theirs\nrecordfail=1\n")).toEqual({
      steps: [],
      leftAlone: ["saved_entry=theirs"],
    });
    const mixed = now(`saved_entry=${id}\nmine=1\n`);
    expect(mixed.steps.map(({ argv }) => argv.slice(2))).toEqual([
      ["set", "saved_entry=2"],
      ["unset", "next_entry"],
      ["unset", "prev_saved_entry"],
    ]);
  });
});

describe("a boot that a machine waits for", () => {
  const set = { "/etc/default/grub.d/90-nfvlab-ticks.cfg": setFile(isolating, undefined) };

  it("is one by another entry than it was booted by", () => {
    expect(pendingBoot(machine(set), undefined)).toBe(
      `a reboot is pending: the machine runs by no entry of nfvlab's, and boots next by entry ${id}`,
    );
    expect(pendingBoot(machine(set), "nfvlab-00000000")).toBe(
      `a reboot is pending: the machine runs by entry nfvlab-00000000, and boots next by entry ${id}`,
    );
    expect(pendingBoot(machine(), id)).toBe(
      `a reboot is pending: the machine runs by entry ${id}, and boots next by no entry of nfvlab's`,
    );
  });

  it("is none where that is the same, or there is nothing of ours", () => {
    expect(pendingBoot(machine(set), id)).toBeUndefined();
    expect(pendingBoot(machine(), undefined)).toBeUndefined();
  });
});
