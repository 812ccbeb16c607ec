import type { ObservedUnit } from "../observe/pci-units.ts";
import { PCI_UNIT_PREFIX } from "../schema/pci.ts";
import type { Step } from "./step.ts";
import { UNITS_CHANGED_MS } from "./systemd.ts";
import { planFile, removeFile } from "./tmpfiles.ts";

/** A service that sets something of a PCI function at boot, before networks, switches and guests start. */
export interface PciUnit {
  /** Without ending, as `unitName` makes it. */
  readonly name: string;
  readonly description: string;
  /** Names of units of ours that come before it. */
  readonly after: readonly string[];
  /** Paths of sysfs that it waits for, 30 s altogether. */
  readonly waitsFor: string;
  /** One line of sh, without single quotes and backslashes: systemd holds it between single quotes. */
  readonly script: string;
}

/** `nfvlab-pci-vfs-0000-5e-00.0`: colons would end paths where files are listed. */
export function unitName(kind: "vfs" | "vf" | "driver", address: string, index?: number): string {
  return `${PCI_UNIT_PREFIX}${kind}-${address.replaceAll(":", "-")}${index === undefined ? "" : `-${index}`}`;
}

/** The text of its file. It keeps out of the default order, since tools that set up networks come before sysinit.target on some machines. */
export function unitText({ name, description, after, waitsFor, script }: PciUnit): string {
  const wait = `n=0; until [ -e ${waitsFor} ] || [ $n -ge 300 ]; do n=$((n + 1)); sleep 0.1; done`;
  const line = `${wait}; ${script}`;
  if (/['\\\n]/.test(line)) throw new Error(`${name}: its script holds what systemd would read otherwise`);
  return `# Written by nfvlab; removed when its resource is deleted.
[Unit]
Description=${description}
DefaultDependencies=no
Conflicts=shutdown.target
After=${["systemd-udev-trigger.service", "systemd-modules-load.service", ...after.map((each) => `${each}.service`)].join(" ")}
Before=network-pre.target ovs-vswitchd.service libvirtd.service virtqemud.service shutdown.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '${line.replaceAll("%", "%%").replaceAll("$", "$$$$")}'

[Install]
WantedBy=multi-user.target
`;
}

export function isPersisted(unit: PciUnit, found: ObservedUnit | undefined): boolean {
  return found?.enabled === true && found.text === unitText(unit);
}

/** What makes it hold after a boot as well; nothing where it does. What it sets is in force already, so it is not started. */
export function planUnit(unit: PciUnit, found: ObservedUnit | undefined): Step[] {
  if (isPersisted(unit, found)) return [];
  const service = `${unit.name}.service`;
  return [
    ...planFile(`/etc/systemd/system/${service}`, unitText(unit), found?.text.trimEnd()),
    { purpose: `enable ${service}`, argv: ["systemctl", "enable", service], timeoutMs: UNITS_CHANGED_MS },
  ];
}

export function removeUnit(name: string, found: ObservedUnit | undefined): Step[] {
  if (found === undefined) return [];
  const service = `${name}.service`;
  return [
    // One that ran at boot stays active without doing anything.
    {
      purpose: `disable ${service}`,
      argv: ["systemctl", "disable", "--now", "--no-reload", service],
      timeoutMs: UNITS_CHANGED_MS,
    },
    removeFile(`/etc/systemd/system/${service}`),
    {
      purpose: "let systemd read its units again",
      argv: ["systemctl", "daemon-reload"],
      timeoutMs: UNITS_CHANGED_MS,
    },
  ];
}
