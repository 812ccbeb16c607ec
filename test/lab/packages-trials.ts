import { afterAll, beforeAll, expect, it } from "vitest";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const tools = new host.Packages("tools", { host: dut, name: "tools", packages: JSON.parse(process.env.PACKAGES) });
export const { installed, added, complete } = tools;
`;

/** A source of two packages, of which one needs the other and would start a service, in place of those that the machine has. */
const SOURCE = `set -eu
mkdir -p /srv/source && cd /srv/source
make() {
  mkdir -p "$1/DEBIAN"
  printf 'Package: %s\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: Trial <trial@example.org>\\nDescription: trial\\nDepends: %s\\n' "$1" "$2" > "$1/DEBIAN/control"
  [ -z "\${3:-}" ] || { printf '#!/bin/sh\\n%s\\n' "$3" > "$1/DEBIAN/postinst"; chmod 755 "$1/DEBIAN/postinst"; }
  dpkg-deb --build "$1" "$1.deb" > /dev/null
  { dpkg-deb --field "$1.deb"; printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$1" "$(stat -c %s "$1.deb")" "$(sha256sum "$1.deb" | cut -d' ' -f1)"; } >> Packages
}
rm -f Packages
make trial-library libc6
make trial-tool trial-library 'test ! -x /usr/sbin/policy-rc.d || /usr/sbin/policy-rc.d trial start || touch /srv/source/not-started'
echo 'deb [trusted=yes] file:/srv/source ./' > sources.list
printf 'Dir::Etc::sourcelist "/srv/source/sources.list";\\nDir::Etc::sourceparts "-";\\n' > /etc/apt/apt.conf.d/99trial`;

const SNAPSHOT = `dpkg-query -W -f '\${binary:Package} \${Version} \${db:Status-Abbrev}\\n'
ls /usr/sbin/policy-rc.d 2>/dev/null
ls -A /var/lib/nfvlab/undo 2>/dev/null
true`;

/** Packages of a source: come with what they need, found missing, put back, taken away. */
export function describePackages(machine: () => { readonly CONNECTION: string }, shell: () => Shell): void {
  let project: TrialProject;
  let before = "";

  beforeAll(() => {
    project = new TrialProject("packages", program);
    shell().run(SOURCE);
    before = shell().run(SNAPSHOT);
  });
  afterAll(() => {
    shell().run("rm -rf /srv/source /etc/apt/apt.conf.d/99trial");
    project?.remove();
  });

  const run = (packages: object, ...args: string[]) =>
    project.pulumi(args, { ...machine(), PACKAGES: JSON.stringify(packages) });
  const tools = { "trial-tool": "1.0" };

  it("that no source has are refused, with what apt says", () => {
    const { code, said } = run({ "trial-tool": "2.0" }, "up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(said.replaceAll(/\s+/g, " ")).toContain(
      "packages: apt on dut can't install trial-tool=2.0: observed Version '2.0' for 'trial-tool' was not found",
    );
    expect(shell().run(SNAPSHOT)).toBe(before);
  });

  it("come with what they need, start no service, and are not installed twice", () => {
    const up = run(tools, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(JSON.parse(run(tools, "stack", "output", "--json").said)).toEqual({
      installed: tools,
      added: { "trial-library": "1.0", "trial-tool": "1.0" },
      complete: true,
    });
    expect(shell().run("ls /srv/source/not-started")).toBe("/srv/source/not-started");
    const again = run(tools, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("that somebody removed are found missing, and come back", () => {
    shell().run("dpkg --purge trial-tool");
    const seen = run(tools, "refresh", "--yes", "--skip-preview", "--diff");
    expect(seen.said).toMatch(/complete\s*: true => false/);
    const back = run(tools, "up", "--yes", "--skip-preview");
    expect(back.code, back.said).toBe(0);
    expect(shell().run("dpkg-query -W trial-tool")).toBe("trial-tool\t1.0");
  });

  it("go, with what they needed", () => {
    const gone = run(tools, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(shell().run(SNAPSHOT)).toBe(before);
  });
}
