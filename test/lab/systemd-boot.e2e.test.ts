import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import { TrialServer } from "./trial-server.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const boot = new host.BootArguments("boot", {
  ...{ host: dut, name: "nfv", rebootOnDelete: "allow" },
  arguments: JSON.parse(process.env.ARGUMENTS),
});
const reboot = new host.Reboot("reboot", { host: dut, allow: true, triggers: [boot.arguments], bootTimeout: "480s" });
export const { entry, configured, pending, found } = boot;
export const { bootId, rolledBack, verified } = reboot;
`;

const tuned = { transparentHugepage: "never", skewTick: true };

/** The kernel unpacks no initial file system, finds no way to its disk, and panics. */
const panicking = { ...tuned, extra: { initcall_blacklist: "populate_rootfs" } };

const PAGES = "cat /sys/kernel/mm/transparent_hugepage/enabled";

/** Everything that the loader reads, the firmware's variable among it, and what else ours could be left in. */
const SNAPSHOT = `boot=$(bootctl --print-boot-path)
find "$boot" /etc/kernel /etc/nfvlab -printf '%M %u %g %p\\n' 2> /dev/null | sort
find "$boot" /etc/kernel -type f ! -name random-seed -print0 | sort -z | xargs -0 sha256sum
sha256sum /sys/firmware/efi/efivars/Loader*Default* 2> /dev/null
ls -A /var/lib/nfvlab/undo 2> /dev/null
cat /proc/cmdline`;

const connectionFile = process.env["NFVLAB_UEFI_SERVER"];
const TITLE =
  "a host that boots by systemd-boot (skipped unless NFVLAB_UEFI_SERVER names a file with its connection: emulated servers boot by GRUB)";

describe.skipIf(connectionFile === undefined)(TITLE, () => {
  let server: TrialServer;
  let project: TrialProject;
  let before: string;

  beforeAll(() => {
    server = TrialServer.standing(connectionFile ?? "");
    before = server.shell.run(SNAPSHOT);
    project = new TrialProject("systemd-boot", program);
  });

  afterAll(async () => {
    project?.remove();
    await server?.remove();
  });

  const pulumi = (set: object, ...args: readonly string[]) =>
    project.pulumi(args, { ...server.environment, ARGUMENTS: JSON.stringify(set) });
  const bootId = () => server.shell.run("cat /proc/sys/kernel/random/boot_id");
  const output = (name: string) => JSON.parse(pulumi(tuned, "stack", "output", "--json").said)[name];
  const ours = () => server.shell.run('cat "$(bootctl --print-boot-path)"/loader/entries/nfvlab-*.conf');

  it("boots its entry once, keeps it when it came up, and then changes nothing more", () => {
    const first = bootId();
    const up = pulumi(tuned, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(bootId()).not.toBe(first);
    expect(server.shell.run("cat /proc/cmdline")).toMatch(
      new RegExp(`nfvlab.boot=${output("entry")} .*skew_tick=1`),
    );
    expect(server.shell.run(PAGES)).toContain("[never]");
    expect(server.shell.run("bootctl list --json=short")).toMatch(
      new RegExp(`"id":"${output("entry")}.conf"[^}]*"isDefault":true`),
    );
    expect(ours()).not.toContain("panic=30");
    const again = pulumi(tuned, "up", "--yes", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("is found changed by hand, and put back without a reboot", () => {
    const first = bootId();
    server.shell.run(
      'sed -i s/skew_tick=1/skew_tick=0/ "$(bootctl --print-boot-path)"/loader/entries/nfvlab-*.conf',
    );
    const up = pulumi(tuned, "up", "--yes", "--skip-preview", "--refresh", "--diff");
    expect(up.code, up.said).toBe(0);
    expect(up.said).toMatch(/configured\s*: false => true/);
    expect(ours()).toContain("skew_tick=1");
    expect(ours()).not.toContain("panic=30");
    expect(bootId()).toBe(first);
  });

  it("falls back by itself from an entry that panics", () => {
    const first = bootId();
    const up = pulumi(panicking, "up", "--yes", "--skip-preview");
    expect(up.code).not.toBe(0);
    expect(up.said).toMatch(/dut did not come up by entry nfvlab-\w+ and is back on the one before/);
    expect(bootId()).not.toBe(first);
    expect(server.shell.run("cat /proc/cmdline")).not.toContain("initcall_blacklist");
    expect(server.shell.run(PAGES)).toContain("[never]");
  });

  it("goes as it came, byte by byte", () => {
    const destroy = pulumi(tuned, "destroy", "--yes", "--skip-preview");
    expect(destroy.code, destroy.said).toBe(0);
    expect(server.shell.run(SNAPSHOT)).toBe(before);
  });
});
