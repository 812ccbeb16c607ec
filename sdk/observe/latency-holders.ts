import type { Probe } from "./probe.ts";

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
      stdout
        .split(/^@unit /m)
        .slice(1)
        .flatMap((section) => {
          const [head = "", ...lines] = section.split("\n");
          const [, name, state] = /nfvlab-dma-latency-(.+)\.service (\S*)$/.exec(head) ?? [];
          if (name === undefined) return [];
          const text = lines
            .flatMap((line) => (line.startsWith("@text ") ? [`${line.slice(6)}\n`] : []))
            .join("");
          return [[name, { text, running: state === "active" }] as const];
        }),
    ),
};
