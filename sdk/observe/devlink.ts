import { filesOf, type Probe } from "./probe.ts";
import { sectionsOf } from "./sections.ts";

/** The switch inside a network card, as `devlink dev eswitch show` tells it. */
export interface ObservedEswitch {
  readonly mode?: string;
  /** What devlink said where there is no mode: the kernel's words. */
  readonly said: string;
}

// Both streams, since what the kernel refuses is on the second.
const SCRIPT = `for each in /sys/bus/pci/devices/*/sriov_totalvfs; do
  [ -e "$each" ] || continue
  pf=\${each%/*}; pf=\${pf##*/}
  printf '@eswitch %s\\n' "$pf"; devlink -j dev eswitch show "pci/$pf" 2>&1; echo
done; true`;

/** Eswitches by the address of the physical function. */
export const eswitches: Probe<ReadonlyMap<string, ObservedEswitch>> = {
  name: "eswitches",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    new Map(
      sectionsOf(stdout, "eswitch").map(({ head: pf, lines }) => {
        const mode = /"mode":\s*"(\w+)"/.exec(lines.join(" "))?.[1];
        const said = lines
          .map((line) => line.trim())
          .filter((line) => line !== "" && !line.startsWith("{"))
          .join("; ");
        return [pf, { said, ...(mode !== undefined && { mode }) }];
      }),
    ),
};

/** Interfaces that a card's switch has, by name: which switch, and which port of it. */
export type SwitchPorts = ReadonlyMap<string, { readonly switchId: string; readonly portName: string }>;

export const switchPorts: Probe<SwitchPorts> = {
  name: "switch-ports",
  // A card without a switch refuses to be read.
  ask: {
    kind: "files",
    patterns: ["phys_switch_id", "phys_port_name"].map((file) => `/sys/class/net/*/${file}`),
  },
  parse: (answer) => {
    const files = filesOf(answer);
    return new Map(
      [...files].flatMap(([path, [switchId = ""]]) => {
        const name = /^\/sys\/class\/net\/([^/]+)\/phys_switch_id$/.exec(path)?.[1];
        if (name === undefined || switchId.trim() === "") return [];
        const portName = files.get(`/sys/class/net/${name}/phys_port_name`)?.[0]?.trim() ?? "";
        return [[name, { switchId: switchId.trim(), portName }] as const];
      }),
    );
  },
};
