import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { longTrials } from "./long-trials.ts";
import { realtimePackages } from "./realtime-package.ts";
import { describeTracers } from "./tracer-trials.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const boot = new host.BootArguments("boot", { host: dut, name: "ticks", arguments: { skewTick: true, nohzFull: "3" } });
const kernel = new host.RealtimeKernel("kernel", { host: dut }, { dependsOn: boot });
const reboot = new host.Reboot("reboot", { host: dut, allow: true, triggers: [kernel.kernel, boot.arguments], bootTimeout: "900s" });
export const { entry, installed, configured, promoted, running, added } = kernel;
export const { rolledBack, verified } = reboot;
`;

const unavailable = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
new host.RealtimeKernel("kernel", { host: dut, package: "linux-image-rt-s390x" });
`;

/** A source of apt with Debian's own packages, in place of those that the machine has. */
const SOURCE = `set -eu
cd /srv/kernel
for file in *.deb; do
  { dpkg-deb --field "$file"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"; } >> Packages
done
echo 'deb [trusted=yes] file:/srv/kernel ./' > sources.list
printf 'Dir::Etc::sourcelist "/srv/kernel/sources.list";\\nDir::Etc::sourceparts "-";\\n' > /etc/apt/apt.conf.d/99trial`;

const SNAPSHOT = `cd /
dpkg-query -W -f '\${binary:Package} \${Version} \${db:Status-Abbrev}\\n'
find boot etc/default etc/grub.d -type f -print0 | sort -z | xargs -0 sha256sum
ls lib/modules; ls -A etc/default/grub.d; ls -A var/lib/nfvlab/undo 2> /dev/null; readlink vmlinuz initrd.img; ls usr/sbin/policy-rc.d 2> /dev/null || true`;

// An emulated real-time kernel takes minutes to install and to boot, more than a suite has.
const TITLE =
  "a real-time kernel (skipped unless NFVLAB_LONG_TRIALS is set: minutes of installing and booting)";

/** Debian's real-time kernel beside boot arguments: installed, booted once, kept, found changed, and taken away while it runs. */
export function describeRealtimeKernel(server: () => TrialServer): void {
  describe.runIf(longTrials)(TITLE, () => {
    let project: TrialProject;
    let before = "";
    let usual = "";

    beforeAll(() => {
      project = new TrialProject("kernel", program);
      const { shell } = server();
      shell.run("mkdir -p /srv/kernel");
      for (const [file, content] of realtimePackages()) shell.run(`base64 -d > /srv/kernel/${file}`, content);
      shell.run(SOURCE);
      shell.run("dpkg -i /srv/kernel/libtrace*.deb /srv/kernel/rtla_*.deb");
      usual = shell.run("uname -r");
      before = shell.run(SNAPSHOT);
    });
    afterAll(() => {
      server().shell.run("rm -rf /srv/kernel /etc/apt/apt.conf.d/99trial");
      project?.remove();
    });

    const pulumi = (...args: string[]) => project.pulumi(args, server().environment);
    const run = (script: string) => server().shell.run(script);
    const output = (name: string) => JSON.parse(pulumi("stack", "output", "--json").said)[name];

    it("is refused where no source has it, and nothing is touched", () => {
      const refused = new TrialProject("kernel-refused", unavailable);
      const { code, said } = refused.pulumi(["up", "--yes", "--skip-preview"], server().environment);
      refused.remove();
      expect(code).not.toBe(0);
      expect(said.replaceAll(/\s+/g, " ")).toMatch(/apt on dut can't install linux-image-rt-s390x/);
      expect(run(SNAPSHOT)).toBe(before);
    });

    it("comes with its reboot, in one entry with the boot arguments, and is the default from then on", () => {
      const up = pulumi("up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(run("uname -v")).toContain("PREEMPT_RT");
      expect(run("cat /sys/kernel/realtime /sys/devices/system/cpu/nohz_full")).toBe("1\n3");
      expect(output("rolledBack")).toBe(false);
      expect(run("grub-editenv list")).toContain(`saved_entry=${output("entry")}`);
      const again = pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
      expect(again.code, again.said).toBe(0);
      const { installed, configured, promoted, running, added } = JSON.parse(
        pulumi("stack", "output", "--json").said,
      );
      expect({ installed, configured, promoted, running }).toEqual({
        ...{ installed: true, configured: true, promoted: true, running: true },
      });
      expect(Object.keys(added)).toEqual([`linux-image-${run("uname -r")}`, "linux-image-rt-amd64"]);
    });

    describe("with tracers", () => describeTracers(server));

    it("that is not chosen any more is found so, and put back without a reboot", () => {
      const boot = run("cat /proc/sys/kernel/random/boot_id");
      run(`rm /etc/default/grub.d/89-nfvlab-kernel.cfg; grub-set-default 0`);
      const up = pulumi("up", "--yes", "--skip-preview", "--refresh", "--diff");
      expect(up.code, up.said).toBe(0);
      expect(up.said).toMatch(/configured\s*: false => true/);
      expect(run("grub-editenv list")).toContain(`saved_entry=${output("entry")}`);
      expect(run("cat /etc/default/grub.d/89-nfvlab-kernel.cfg")).toContain(`NFVLAB_KERNEL="${usual}"`);
      expect(run("cat /proc/sys/kernel/random/boot_id")).toBe(boot);
    });

    it("goes while it runs, with a warning, and leaves files and packages as they were", () => {
      const gone = pulumi("destroy", "--yes", "--skip-preview");
      expect(gone.code, gone.said).toBe(0);
      expect(gone.said.replaceAll(/\s+/g, " ")).toMatch(
        /dut runs kernel \S+-rt-amd64 until its next reboot, which is pending/,
      );
      expect(run(SNAPSHOT)).toBe(before);
    });
  });
}
