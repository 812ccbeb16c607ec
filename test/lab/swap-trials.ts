import { afterAll, beforeAll, expect, it } from "vitest";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
export const { found, configured, effective } = new host.Swap("swap", { host: dut });
`;

/** One file that fstab has on at every boot, of another priority by hand; one that was turned on by hand, with a space in its name, and one that is gone at delete. */
const PREPARE = `set -eu
cp -p /etc/fstab /root/fstab.found
for file in /root/trial-swap '/root/trial by hand' /root/trial-gone; do
  dd if=/dev/zero of="$file" bs=1M count=2 status=none; chmod 600 "$file"; mkswap "$file" > /dev/null
done
echo '/root/trial-swap none swap sw,pri=7 0 0' >> /etc/fstab
systemctl daemon-reload
swapon --priority 9 /root/trial-swap
swapon '/root/trial by hand'`;

const CLEAN = `for file in /root/trial-swap '/root/trial by hand' /root/trial-gone; do
  swapoff "$file" 2> /dev/null; rm -f "$file"
done
mv /root/fstab.found /etc/fstab; systemctl daemon-reload`;

const SNAPSHOT = `cat /proc/swaps; systemctl show --property DropInPaths,NeedDaemonReload 'root-trial\\x2dswap.swap'
find /etc/systemd/system -newer /root/fstab.found -name '*swap*'; ls -A /var/lib/nfvlab/undo 2> /dev/null | grep swap; true`;

/** Swap of three kinds: off and kept off, found on again, and on as before. */
export function describeSwap(environment: () => { readonly CONNECTION: string }, shell: () => Shell): void {
  let project: TrialProject;
  let before = "";

  beforeAll(() => {
    project = new TrialProject("swap", program);
    run(PREPARE);
    before = run(SNAPSHOT);
    run("swapon /root/trial-gone");
  });
  afterAll(() => {
    run(CLEAN);
    project?.remove();
  });

  const run = (script: string) => shell().run(script);
  const pulumi = (...args: string[]) => project.pulumi(args, environment());

  it("is turned off, and stays off whatever starts its units", () => {
    const up = pulumi("up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    // As a boot does it, and as somebody would.
    run("systemctl restart swap.target; systemctl start 'root-trial\\x2dswap.swap'");
    expect(run("tail -n +2 /proc/swaps")).toBe("");
    expect(JSON.parse(pulumi("stack", "output", "--json").said)).toEqual({
      found: [
        { path: "/root/trial-swap", unit: "root-trial\\x2dswap.swap", priority: 9 },
        { path: "/root/trial by hand", unit: null, priority: -2 },
        { path: "/root/trial-gone", unit: null, priority: -3 },
      ],
      ...{ configured: [], effective: [] },
    });
  });

  it("that somebody turns on again is found with what keeps it off, and goes off", () => {
    run("swapon --priority 3 /root/trial-swap; rm /etc/systemd/system/swap.d/90-nfvlab.conf");
    const up = pulumi("up", "--yes", "--skip-preview", "--refresh", "--diff");
    expect(up.code, up.said).toBe(0);
    expect(up.said).toMatch(/- \[0\]: "\/root\/trial-swap"/);
    expect(up.said).toMatch(/- \[0\]: "root-trial\\\\x2dswap\.swap"/);
    expect(run("tail -n +2 /proc/swaps; ls /etc/systemd/system/swap.d")).toBe("90-nfvlab.conf");
  });

  it("comes back as it was, but for a file that is gone", () => {
    run("rm /root/trial-gone");
    const gone = pulumi("destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(gone.said.replaceAll(/\s+/g, " ")).toContain(
      "swap that was on dut is not turned on again, since its device or its unit is gone, or the unit masked: /root/trial-gone",
    );
    expect(run(SNAPSHOT)).toBe(before);
  });
}
