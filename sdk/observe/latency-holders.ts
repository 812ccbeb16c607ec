import type { Probe } from "./probe.ts";
import { fileIn, sectionsOf } from "./sections.ts";

/** A service of ours that holds a bound on the wake-up time of all CPUs. */
export interface ObservedHolder {
  readonly text: string;
  readonly running: boolean;
}

const SCRIPT = `for file in /etc/systemd/system/nfvlab-dma-latency-*.service; do
  [ -e "$file" ] || continue
  printf '@unit %s %s\\n' "$file" "$(systemctl is-active "\${file##*/}")"
  sed 's/^/@text /' "$file"
done
true`;

/** Every such service, by the name that its resource has. */
export const latencyHolders: Probe<ReadonlyMap<string, ObservedHolder>> = {
  name: "latency-holders",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    new Map(
      sectionsOf(stdout, "unit").flatMap(({ head, lines }) => {
        const [, name, state] = /nfvlab-dma-latency-(.+)\.service (\S*)$/.exec(head) ?? [];
        if (name === undefined) return [];
        return [[name, { text: fileIn(lines), running: state === "active" }] as const];
      }),
    ),
};
