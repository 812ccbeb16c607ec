import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../sdk/emulate/image.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { removeServer, startServer } from "../../sdk/emulate/server.ts";
import type { SshConnection } from "../../sdk/remote/connection.ts";
import { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

/** Arguments come from the environment, so that one stack goes through several sets. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const boot = new host.BootArguments("boot", {
  host: dut, name: "nfv", arguments: JSON.parse(process.env.ARGUMENTS), rebootOnDelete: "allow",
});
const reboot = new host.Reboot("reboot", {
  host: dut, allow: true, triggers: [boot.arguments], bootTimeout: "360s", reason: "trial",
});
export const { effective, pending } = boot;
export const { bootId, rolledBack } = reboot;
`;

const isolating = {
  isolcpus: { cpus: "3", flags: ["managed_irq", "domain"] },
  nohzFull: "3",
  rcuNocbs: "3",
  irqaffinity: "0-2",
  hugepages: [{ size: "2MiB", count: { 1: 64 } }],
  skewTick: true,
};

/** The kernel unpacks no initial file system, finds no way to its disk, and panics. */
const panicking = { ...isolating, extra: { initcall_blacklist: "populate_rootfs" } };

describe("boot arguments", { timeout: 600_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), "nfvlab-boot-"));
  const folder = join(root, "stack", "dut");
  let connection: SshConnection;
  let shell: Shell;
  let project: TrialProject;
  let found: string;

  beforeAll(async () => {
    const image = await buildImage({ suite: "trixie", packages: TESTBED_PACKAGES, diskMib: 6144 });
    const memory = "1GiB";
    ({ connection } = await startServer(folder, {
      name: "dut",
      image: image.folder,
      numaNodes: [
        { cpus: "0-1", memory },
        { cpus: "2-3", memory },
      ],
      igbCards: 0,
      bootArguments: [],
    }));
    shell = new Shell(connection);
    found = whatGrubHas();
    project = new TrialProject("boot", program);
  }, 600_000);

  afterAll(async () => {
    project?.remove();
    shell?.remove();
    await removeServer(folder);
    rmSync(root, { recursive: true, force: true });
  });

  const pulumi = (set: object, ...args: readonly string[]) =>
    project.pulumi(args, { CONNECTION: JSON.stringify(connection), ARGUMENTS: JSON.stringify(set) });
  const whatGrubHas = () =>
    shell.run(
      "cd / && find boot/grub etc/default etc/grub.d -type f | sort | xargs sha256sum; ls -d etc/default/grub.d",
    );
  const bootId = () => shell.run("cat /proc/sys/kernel/random/boot_id");
  const output = (name: string) => JSON.parse(pulumi(isolating, "stack", "output", "--json").said)[name];

  it("are refused all at once where they are wrong, before anything is touched", () => {
    const wrong = { isolcpus: { cpus: "0-3" }, nohzFull: "5", extra: { pcie_asmp: "off" } };
    const up = pulumi(wrong, "up", "--yes", "--skip-preview");
    expect(up.code).not.toBe(0);
    expect(up.said).toMatch(/CPU 0 boots the machine/);
    expect(up.said).toMatch(/pcie_aspm is meant, perhaps: use pcieAspm/);
    const elsewhere = pulumi({ nohzFull: "5" }, "up", "--yes", "--skip-preview");
    expect(elsewhere.said).toMatch(
      /arguments\.nohzFull: there are no such CPUs: observed 5, expected CPUs among 0-3/,
    );
    expect(whatGrubHas()).toBe(found);
  });

  it("are staged, booted once and kept, each in force by its own evidence", () => {
    const preview = pulumi(isolating, "preview", "--diff");
    expect(preview.said).toMatch(/nfvlab:host:Reboot/);
    const before = bootId();
    const up = pulumi(isolating, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(bootId()).not.toBe(before);
    expect(shell.run("cat /sys/devices/system/cpu/isolated /sys/devices/system/cpu/nohz_full")).toBe("3\n3");
    expect(shell.run("cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages")).toBe(
      "64",
    );
    const entry = /nfvlab\.boot=(\S+)/.exec(shell.run("cat /proc/cmdline"))?.[1];
    expect(shell.run("grub-editenv list")).toContain(`saved_entry=${entry}`);
    expect(shell.run("grep -c panic=30 /boot/grub/grub.cfg || true")).toBe("0");
  });

  it("change nothing the second time", () => {
    const before = bootId();
    const up = pulumi(isolating, "up", "--yes", "--refresh", "--expect-no-changes");
    expect(up.code, up.said).toBe(0);
    expect(bootId()).toBe(before);
    expect(output("pending")).toEqual([]);
    expect(output("effective")).toHaveLength(6);
  });

  it("are found changed by hand, and put back without a reboot", () => {
    const before = bootId();
    shell.run("sed -i s/skew_tick=1/skew_tick=0/ /etc/default/grub.d/90-nfvlab-nfv.cfg");
    const refresh = pulumi(isolating, "refresh", "--yes", "--skip-preview", "--diff");
    expect(refresh.said).toMatch(/~ skewTick\s*: true => false/);
    expect(refresh.said).not.toMatch(/nohzFull\s*:/);
    expect(pulumi(isolating, "up", "--yes", "--skip-preview").code).toBe(0);
    expect(shell.run("cat /etc/default/grub.d/90-nfvlab-nfv.cfg")).toContain("skew_tick=1");

    shell.run("chmod u+w /boot/grub/grub.cfg; sed -i s/nohz_full=3/nohz_full=1/ /boot/grub/grub.cfg");
    const menu = pulumi(isolating, "up", "--yes", "--skip-preview", "--refresh", "--diff");
    expect(menu.code, menu.said).toBe(0);
    expect(menu.said).toMatch(/configured\s*: false => true/);
    expect(shell.run("grep -c nohz_full=1 /boot/grub/grub.cfg || true")).toBe("0");
    expect(bootId()).toBe(before);
  });

  it("that the machine does not come up with are rolled back by it, reported, and not tried again", () => {
    const before = bootId();
    const up = pulumi(panicking, "up", "--yes", "--skip-preview");
    expect(up.code).not.toBe(0);
    expect(up.said).toMatch(/dut did not come up by entry nfvlab-\w+ and is back on the one before/);
    const back = bootId();
    expect(back).not.toBe(before);
    expect(shell.run("cat /proc/cmdline")).not.toContain("initcall_blacklist");
    expect(shell.run("cat /sys/devices/system/cpu/isolated")).toBe("3");

    const again = pulumi(panicking, "up", "--yes", "--skip-preview");
    expect(again.code).not.toBe(0);
    expect(again.said).toMatch(/is back on the one before/);
    expect(bootId()).toBe(back);

    const mended = pulumi(isolating, "up", "--yes", "--skip-preview");
    expect(mended.code, mended.said).toBe(0);
    expect(bootId()).toBe(back);
  });

  it("go as they came: command line, menu, environment block and folder are what they were", () => {
    const destroy = pulumi(isolating, "destroy", "--yes", "--skip-preview");
    expect(destroy.code, destroy.said).toBe(0);
    expect(whatGrubHas()).toBe(found);
    expect(shell.run("cat /proc/cmdline")).not.toMatch(/nfvlab\.boot|isolcpus|nohz_full/);
    expect(shell.run("cat /sys/devices/system/cpu/isolated")).toBe("");
    expect(shell.run("ls /var/lib/nfvlab/undo")).toBe("");
  });
});
