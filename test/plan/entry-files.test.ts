import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import {
  compareVersions,
  entryIdOf,
  type MenuEntry,
  newestFirst,
  readEntry,
} from "../../sdk/observe/boot-entries.ts";
import { bootLoader } from "../../sdk/observe/boot-loader.ts";
import { wayOf } from "../../sdk/plan/boot-loader.ts";
import { planBoot } from "../../sdk/plan/boot-reboot.ts";
import { type FoundLoader, isLastSet } from "../../sdk/plan/boot-sets.ts";
import { entryText } from "../../sdk/plan/entry-files.ts";
import { requireMenu } from "../../sdk/plan/realtime-kernel.ts";
import { recorded } from "../observe/recorded.ts";
import { EntryHost } from "./entry-host.ts";

const ID = "6f9cc9cb7d7845d49698c9537337cedc";
const LOADER_DEFAULT = "/sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const args = (text: string) => parseBootArguments(text).kernel;
const block = (variables: string) => `# GRUB Environment Block\n${variables}`.padEnd(1024, "#");

/** How grub2-mkconfig of RHEL begins and ends a menu. */
const MENU = `set pager=1
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="\${saved_entry}"
fi
if [ -z "\${kernelopts}" ]; then
  set kernelopts="root=/dev/mapper/rhel-root ro quiet "
fi
insmod blscfg
blscfg
`;

/** Entries as Red Hat's manuals of 8 and 9 show them. */
const rhel8 = (release: string) => `title Red Hat Enterprise Linux (${release}) 8.0 (Ootpa)
version ${release}
linux /vmlinuz-${release}
initrd /initramfs-${release}.img $tuned_initrd
options $kernelopts $tuned_params
id rhel-20190227183418-${release}
grub_users $grub_users
grub_arg --unrestricted
grub_class kernel
`;
const rhel9 = (release: string) => `title Red Hat Enterprise Linux (${release}) 9.3
version ${release}
linux /vmlinuz-${release}
initrd /initramfs-${release}.img
options root=/dev/mapper/rhel-root ro crashkernel=256M rd.lvm.lv=rhel/root $tuned_params
grub_users $grub_users
grub_arg --unrestricted
grub_class rhel
`;
const debian = (release: string) => `# Boot Loader Specification type#1 entry
title      Debian GNU/Linux 13 (trixie)
version    ${release}
machine-id ${ID}
sort-key   debian
options    root=UUID=1 ro quiet
linux      /${ID}/${release}/linux
initrd     /${ID}/${release}/initrd.img-${release}
`;

/** Among entries of such a machine ours come first, where nobody chose one. */
const LETTERED = `c${ID.slice(1)}`;

const entries = (of: (release: string) => string, ...releases: readonly string[]) =>
  entriesOf(ID, of, releases);
const entriesOf = (id: string, of: (release: string) => string, releases: readonly string[]) =>
  Object.fromEntries(releases.map((release) => [`/boot/loader/entries/${id}-${release}.conf`, of(release)]));
const [OLD, NEW] = ["5.14.0-70.el9.x86_64", "5.14.0-362.8.1.el9.x86_64"];

const machines = {
  "RHEL 9": () => ({
    ...entries(rhel9, OLD, NEW),
    "/etc/os-release": "ID=rhel\nID_LIKE=fedora\n",
    "/boot/grub2/grub.cfg": MENU,
    "/boot/grub2/grubenv": block(`saved_entry=${ID}-${OLD}\nboot_success=1\nboot_indeterminate=0\n`),
  }),
  "RHEL 8": () => ({
    ...entries(rhel8, "4.18.0-5.el8.x86_64", "4.18.0-80.el8.x86_64"),
    "/etc/os-release": "ID=rhel\n",
    "/boot/grub2/grub.cfg": MENU,
    "/boot/grub2/grubenv": block("kernelopts=root=/dev/vda3 ro\ntuned_params=skew_tick=1\n"),
  }),
  "RHEL without an environment block": () => ({
    ...entriesOf(LETTERED, rhel9, [OLD, NEW]),
    "/etc/os-release": "ID=rhel\n",
    "/boot/grub2/grub.cfg": MENU,
  }),
  "systemd-boot": () => ({
    "/etc/os-release": "ID=debian\n",
    "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f":
      "\x06\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \x002\x005\x007\0\0\0",
    "/sys/firmware/efi/efivars/LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f": "\x06\0\0\0\xff\0\0\0",
    [`/efi/loader/entries/${ID}-6.12.1.conf`]: debian("6.12.1"),
    [`/efi/loader/entries/${ID}-6.12.2.conf`]: debian("6.12.2"),
  }),
};
const kinds = Object.entries(machines);

let hosts: EntryHost[] = [];
function machine(files: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}): EntryHost {
  const host = new EntryHost(
    { "/etc/kernel/install.d/50-theirs.install": "#!/bin/sh\n", ...files },
    environment,
  );
  hosts.push(host);
  return host;
}
afterEach(() => {
  for (const host of hosts) host.remove();
  hosts = [];
});

/** What handlers do with a machine, in the folder that stands for it. */
class Lab {
  readonly host: EntryHost;
  found: FoundLoader | undefined;
  running: string;

  constructor(host: EntryHost) {
    this.host = host;
    this.running = host.boot();
  }

  stage(name: string, line: string): void {
    const loader = this.host.observe();
    const way = wayOf(loader);
    way.requireOneShot(loader, "dut");
    this.found ??= way.foundLoader(loader, "");
    this.host.execute(way.stageSteps(name, args(line), loader, ""));
    way.requireStaged(this.host.observe(), "dut");
  }

  /** Boots what waits. One that is not well leaves the machine on its default. */
  reboot(isWell: boolean): void {
    const loader = this.host.observe();
    const way = wayOf(loader);
    const { entry, isTrial } = planBoot(loader, { entry: this.running });
    if (entry !== undefined && isTrial) this.host.execute([way.bootOnce(loader, entry)]);
    this.running = this.host.boot();
    if (entry !== undefined) expect(this.running).toBe(entry);
    if (!isWell && isTrial) this.running = this.host.boot();
    const staged = way.stagedEntry(loader);
    if (staged !== undefined && this.running === staged.id)
      this.host.execute(way.promoteSteps(staged, this.host.observe()));
  }

  unstage(name: string): void {
    const loader = this.host.observe();
    const way = wayOf(loader);
    this.host.execute(way.unstageSteps(name, loader, this.found));
    if (!isLastSet(name, loader) || this.found === undefined) return;
    const { steps, leftAlone } = way.restoreSteps(this.host.observe(), this.found);
    expect(leftAlone).toEqual([]);
    this.host.execute(steps);
    this.found = undefined;
  }
}

describe("entries of the Boot Loader Specification", () => {
  it("are read by their keys, with what GRUB writes in place of its variables", () => {
    const variables = new Map([["kernelopts", "root=/dev/vda3 ro"]]);
    const entry = readEntry(`/boot/loader/entries/${ID}-4.18.conf`, rhel8("4.18"), variables);
    expect(entry).toMatchObject({ id: `${ID}-4.18`, kernel: "/vmlinuz-4.18" });
    expect(entry?.arguments).toEqual(args("root=/dev/vda3 ro $tuned_params"));
    expect(readEntry("/x.conf", "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\n")).toBeUndefined();
    expect(entryIdOf("/efi/loader/entries/arch+3-1.conf")).toBe("arch");
  });

  it("stand in the order of GRUB: newest first, a rescue image last", () => {
    const named = (id: string): MenuEntry => ({ id, submenus: [], kernel: "", arguments: [] });
    const order = (...ids: readonly string[]) => newestFirst(ids.map(named)).map(({ id }) => id);
    expect(order(`${ID}-0-rescue`, `${ID}-${OLD}`, `${ID}-${NEW}`)).toEqual([
      `${ID}-${NEW}`,
      `${ID}-${OLD}`,
      `${ID}-0-rescue`,
    ]);
    expect(compareVersions("1.0~rc1", "1.0")).toBe(-1);
    expect(compareVersions("1.0a", "1.0")).toBe(1);
    expect(compareVersions("1.010", "1.9")).toBe(1);
    expect(compareVersions("a", "1")).toBe(-1);
    const version = fc.stringMatching(/^[a-z0-9.~]{0,6}$/);
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect(compareVersions(one, other)).toBe(0 - compareVersions(other, one));
      }),
    );
  });

  it("of ours have our arguments behind the machine's own, ahead of what goes to init", () => {
    const own = readEntry("/boot/loader/entries/a-1.conf", rhel8("1"));
    const staged = { id: "nfvlab-1", arguments: args("isolcpus=3 skew_tick=1") };
    expect(own && entryText(own, staged, false)).toMatchInlineSnapshot(`
      "# Written by nfvlab from a-1; removed when its resource is deleted.
      title Red Hat Enterprise Linux (1) 8.0 (Ootpa), with the boot arguments of nfvlab, nfvlab-1
      version 1
      linux /vmlinuz-1
      initrd /initramfs-1.img $tuned_initrd
      grub_users $grub_users
      grub_arg --unrestricted
      grub_class kernel
      options $kernelopts $tuned_params panic=30 nfvlab.boot=nfvlab-1 isolcpus=3 skew_tick=1
      "
    `);
    const split = readEntry("/a-1.conf", "linux /k\noptions root=/dev/vda -- single\noptions more\n");
    const text = (split && entryText(split, staged, true)) ?? "";
    expect(text).toContain(
      "options root=/dev/vda nfvlab.boot=nfvlab-1 isolcpus=3 skew_tick=1 -- single more\n",
    );
    expect(readEntry("/nfvlab-1.conf", text)?.own).toEqual(staged.arguments);
  });
});

describe.each(kinds)("a machine with %s", (_, files) => {
  it("boots a staged entry once, and by its own again where that does not come up", () => {
    const lab = new Lab(machine(files()));
    const usual = lab.running;
    lab.stage("nfv", "isolcpus=3");
    expect(lab.host.boot()).toBe(usual);
    lab.reboot(false);
    expect(lab.running).toBe(usual);
    expect(lab.host.boot()).toBe(usual);
  });

  it("keeps an entry that came up, without what makes a panic boot again", () => {
    const lab = new Lab(machine(files()));
    lab.stage("nfv", "isolcpus=3");
    const staged = lab.host.observe().entries.find(({ own }) => own !== undefined);
    expect(staged?.file?.text).toContain(" panic=30 nfvlab.boot=");
    lab.reboot(true);
    expect(lab.host.boot()).toBe(staged?.id);
    const loader = lab.host.observe();
    const kept = loader.entries.filter(({ own }) => own !== undefined);
    expect(kept.map(({ file }) => file?.text.includes("panic=30"))).toEqual([false]);
    const way = wayOf(loader);
    expect(way.isConfigured("nfv", args("isolcpus=3"), loader)).toBe(true);
    expect(way.stageSteps("nfv", args("isolcpus=3"), loader, "")).toEqual([]);
    expect(kept.flatMap(({ id }) => way.promoteSteps({ id, arguments: args("isolcpus=3") }, loader))).toEqual(
      [],
    );
  });

  it("is what it was, byte by byte, after any course of sets that come, change, boot, fail and go", () => {
    const name = fc.constantFrom("a", "b");
    const line = fc.constantFrom("isolcpus=3", "isolcpus=2-3 skew_tick=1", "audit=0");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("stage" as const), name, line }),
      fc.record({ kind: fc.constant("reboot" as const), isWell: fc.boolean() }),
      fc.record({ kind: fc.constant("unstage" as const), name }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), (course) => {
        const lab = new Lab(machine(files()));
        const before = lab.host.snapshot();
        const usual = lab.running;
        const sets = () => lab.host.observe().sets;
        for (const each of course) {
          if (each.kind === "stage") lab.stage(each.name, each.line);
          else if (each.kind === "reboot") lab.reboot(each.isWell);
          else if (sets().has(each.name)) lab.unstage(each.name);
        }
        for (const left of sets().keys()) lab.unstage(left);
        lab.reboot(true);
        expect(lab.running).toBe(usual);
        expect(lab.host.snapshot()).toEqual(before);
      }),
      { numRuns: 4 },
    );
  }, 120_000);

  it("mends what was found changed by hand, a kept entry as it was kept", () => {
    const lab = new Lab(machine(files()));
    lab.stage("nfv", "isolcpus=3");
    const path = lab.host.observe().entries.find(({ own }) => own !== undefined)?.file?.path ?? "";
    lab.host.write(path, lab.host.read(path).replace("isolcpus=3", "isolcpus=1"));
    const loader = lab.host.observe();
    expect(wayOf(loader).isConfigured("nfv", args("isolcpus=3"), loader)).toBe(false);
    expect(() => wayOf(loader).requireStaged(loader, "dut")).toThrow(/does not have the entry/);
    lab.stage("nfv", "isolcpus=3");
    expect(lab.host.read(path)).toContain("isolcpus=3");
    expect(lab.host.read(path)).toContain("panic=30");
    lab.reboot(true);
    lab.host.write(path, lab.host.read(path).replace("isolcpus=3", "isolcpus=1"));
    lab.stage("nfv", "isolcpus=3");
    expect(lab.host.read(path)).toContain("nfvlab.boot=");
    expect(lab.host.read(path)).not.toContain("panic=30");
  });
});

describe("a machine with systemd-boot 257", () => {
  const loader = bootLoader.parse(recorded("boot-entries/systemd-boot-257.txt"));
  const way = wayOf(loader);
  const line = args("transparent_hugepage=never skew_tick=1");

  it("has the entry that was kept, its default, made from the machine's own", () => {
    expect(loader).toMatchObject({ kind: "systemd-boot", commands: new Set(loader.commands).add("bootctl") });
    expect(loader.folder).toMatchObject({ path: "/efi/loader/entries", isReadOnly: false, hasOneShot: true });
    expect(way.stagedEntry(loader)?.id).toBe(way.defaultEntry(loader));
    expect(way.ownEntry(loader)?.id).toMatch(/-6\.12\.117\+deb13-amd64$/);
    expect(() => way.requireOneShot(loader, "dut")).not.toThrow();
  });

  it("shows what was changed by hand in it, and takes one file to mend", () => {
    const id = way.defaultEntry(loader);
    expect(loader.entries.find((entry) => entry.id === id)?.own).toEqual(
      args("transparent_hugepage=never skew_tick=0"),
    );
    expect(way.isConfigured("nfv", line, loader)).toBe(false);
    expect(way.stageSteps("nfv", line, loader, "").map(({ purpose }) => purpose)).toEqual([
      `write /efi/loader/entries/${id}.conf`,
    ]);
  });

  it("gives its own entry back before ours goes", () => {
    const own = way.ownEntry(loader)?.id ?? "";
    const found = { files: { [LOADER_DEFAULT]: null }, hadFolder: false, regenerated: "", entry: own };
    const steps = way.unstageSteps("nfv", loader, found).map(({ argv }) => argv);
    expect(steps[0]).toEqual(["bootctl", "set-default", `${own}.conf`]);
    expect(steps[1]?.slice(0, 2)).toEqual(["rm", "-f"]);
    expect(way.restoreSteps(loader, found).steps.map(({ argv }) => argv)).toEqual([
      ["bootctl", "set-default", ""],
    ]);
  });
});

describe("a kernel of the distribution", () => {
  it("that came and was made the default is what ours are made from, on trial again", () => {
    const lab = new Lab(machine(machines["RHEL 9"]()));
    lab.stage("nfv", "isolcpus=3");
    lab.reboot(true);
    const newer = "5.14.0-427.el9.x86_64";
    lab.host.write(`/boot/loader/entries/${ID}-${newer}.conf`, rhel9(newer));
    const set: [string, ...string[]] = ["grub2-set-default", `${ID}-${newer}`];
    lab.host.execute([{ purpose: "as kernel-install does", argv: set }]);
    const loader = lab.host.observe();
    expect(wayOf(loader).isConfigured("nfv", args("isolcpus=3"), loader)).toBe(false);
    lab.stage("nfv", "isolcpus=3");
    expect(planBoot(lab.host.observe(), { entry: lab.running })).toMatchObject({
      isDue: true,
      isTrial: true,
    });
    lab.reboot(true);
    expect(lab.host.observe().entries.find(({ id }) => id === lab.running)?.kernel).toBe(`/vmlinuz-${newer}`);
  });

  it("that goes takes our entry along, and the machine boots by its own", () => {
    const lab = new Lab(machine(machines["RHEL 9"]()));
    lab.stage("nfv", "isolcpus=3");
    lab.reboot(true);
    lab.host.run("/etc/kernel/install.d/95-nfvlab.install", "add", OLD);
    expect(lab.host.boot()).toBe(lab.running);
    lab.host.run("/etc/kernel/install.d/95-nfvlab.install", "remove", NEW);
    expect(lab.host.boot()).toBe(lab.running);
    lab.host.run("/etc/kernel/install.d/95-nfvlab.install", "remove", OLD);
    expect(lab.host.boot()).toBe(`${ID}-${NEW}`);
  });
});

describe("a boot loader that is refused", () => {
  const rhel = machines["RHEL 9"]();
  const refused = (files: Readonly<Record<string, string>>, environment?: NodeJS.ProcessEnv) => {
    const loader = machine(files, environment).observe();
    return () => wayOf(loader).requireOneShot(loader, "dut");
  };
  it.each<[string, Readonly<Record<string, string>>, NodeJS.ProcessEnv]>([
    ["has its environment block on LVM", rhel, { MOUNT: "/dev/mapper/rhel-root xfs" }],
    ["has it on btrfs", rhel, { MOUNT: "/dev/vda3 btrfs" }],
    ["has /boot mounted read-only", rhel, { MOUNT_OPTIONS: "ro,relatime" }],
    [
      "has a fixed default",
      { ...rhel, "/boot/grub2/grub.cfg": MENU.replace(`"\${saved_entry}"`, '"0"') },
      {},
    ],
    ["is of OSTree", { ...rhel, "/run/ostree-booted": "" }, {}],
    [
      "lacks $kernelopts",
      {
        ...machines["RHEL 8"](),
        "/boot/grub2/grubenv": block(""),
        "/boot/grub2/grub.cfg": MENU.replace("set kernelopts", "set other"),
      },
      {},
    ],
    ["has no entry", { ...rhel, ...entries(() => "title none\n", OLD, NEW) }, {}],
    [
      "is a systemd-boot without one-shot",
      {
        ...machines["systemd-boot"](),
        "/sys/firmware/efi/efivars/LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f":
          "\x06\0\0\0\x03\0\0\0",
      },
      {},
    ],
  ])("%s", (_, files, environment) => {
    expect(refused(files, environment)).toThrowErrorMatchingSnapshot();
  });

  it("boots a unified kernel image", () => {
    const image = { type: "type2", id: "debian.efi", path: "/efi//EFI/Linux/debian.efi", isDefault: true };
    expect(
      refused(machines["systemd-boot"](), { LIST: JSON.stringify([image]) }),
    ).toThrowErrorMatchingSnapshot();
  });

  it("takes no chosen kernel", () => {
    expect(() => requireMenu({ kind: "systemd-boot" }, "dut")).toThrowErrorMatchingSnapshot();
    expect(() => requireMenu({ kind: "grub-menu" }, "dut")).not.toThrow();
  });
});

describe("what others chose meanwhile", () => {
  it("stays: an entry of theirs, and other variables", () => {
    const lab = new Lab(machine(machines["RHEL 9"]()));
    lab.stage("nfv", "isolcpus=3");
    const argv: [string, ...string[]] = ["grub2-set-default", `${ID}-${NEW}`];
    lab.host.execute([{ purpose: "choose another", argv }]);
    const before = lab.found;
    const loader = lab.host.observe();
    lab.host.execute(wayOf(loader).unstageSteps("nfv", loader, before));
    const after = lab.host.observe();
    expect(before && wayOf(after).restoreSteps(after, before)).toEqual({
      steps: [],
      leftAlone: [`saved_entry=${ID}-${NEW}`],
    });
  });

  it("stays in the firmware's variable", () => {
    const lab = new Lab(machine(machines["systemd-boot"]()));
    lab.stage("nfv", "isolcpus=3");
    const theirs = `\x07\0\0\0${Buffer.from("auto-windows\0", "utf16le").toString("latin1")}`;
    const before = lab.found;
    lab.host.write(LOADER_DEFAULT, theirs);
    const loader = lab.host.observe();
    expect(before && wayOf(loader).restoreSteps(loader, before).leftAlone).toEqual([
      "LoaderEntryDefault=auto-windows",
    ]);
  });
});
