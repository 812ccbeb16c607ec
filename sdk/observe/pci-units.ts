import { PCI_UNIT_PREFIX } from "../schema/pci.ts";
import { type Answer, filesOf, type Probe } from "./probe.ts";

/** A service of ours that sets something of PCI functions at boot. */
export interface ObservedUnit {
  readonly text: string;
  readonly enabled: boolean;
}

const FOLDER = "/etc/systemd/system";

/** Ours among the services of systemd, by name without its ending. */
export const pciUnits: Probe<ReadonlyMap<string, ObservedUnit>> = {
  name: "pci-units",
  ask: {
    kind: "files",
    patterns: [
      `${FOLDER}/${PCI_UNIT_PREFIX}*.service`,
      `${FOLDER}/multi-user.target.wants/${PCI_UNIT_PREFIX}*.service`,
    ],
  },
  parse: (answer: Answer) => {
    const files = filesOf(answer);
    return new Map(
      [...files].flatMap(([path, lines]) => {
        const name = /^\/etc\/systemd\/system\/([^/]+)\.service$/.exec(path)?.[1];
        if (name === undefined) return [];
        const enabled = files.has(`${FOLDER}/multi-user.target.wants/${name}.service`);
        return [[name, { text: `${lines.join("\n")}\n`, enabled }] as const];
      }),
    );
  },
};
