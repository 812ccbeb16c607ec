import type { Probe } from "./probe.ts";

/** irqbalance as its unit has it. */
export interface ObservedIrqBalance {
  readonly presence: "running" | "stopped" | "missing";
  /** The file that its unit takes settings from; undefined where it has none in /etc. */
  readonly path: string | undefined;
  /** Every byte of that file; undefined where it is not there. */
  readonly text: string | undefined;
  /** Settings that the running process was started with, by variable. */
  readonly environment: ReadonlyMap<string, string>;
  /** Whether it knows lists of CPUs; versions before 1.8 know masks alone. */
  readonly knowsLists: boolean;
}

const SCRIPT = `unit=$(systemctl show irqbalance.service --property=LoadState --property=ActiveState --property=MainPID --property=EnvironmentFiles) || exit 0
printf '%s\\n' "$unit"
file=$(printf '%s\\n' "$unit" | sed -n 's/^EnvironmentFiles=\\(\\/etc\\/[^ ]*\\).*/\\1/p' | tail -n 1)
[ -z "$file" ] || [ ! -e "$file" ] || printf '@file %s\\n' "$(base64 -w 0 "$file")"
pid=$(printf '%s\\n' "$unit" | sed -n 's/^MainPID=\\([1-9][0-9]*\\)$/\\1/p')
[ -z "$pid" ] || tr '\\0' '\\n' < "/proc/$pid/environ" | sed -n 's/^IRQBALANCE_BANNED_CPU/@environment &/p'
grep -q IRQBALANCE_BANNED_CPULIST "$(command -v irqbalance)" 2>/dev/null && echo @lists
true`;

/** Asked for all resources of a machine, so it costs little where no file of irqbalance holds lines of ours. */
export const ownIrqBalance: Probe<ObservedIrqBalance | undefined> = {
  name: "own-irqbalance",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      `grep -qs 'by nfvlab' /etc/default/irqbalance /etc/sysconfig/irqbalance || exit 0\n${SCRIPT}`,
    ],
  },
  parse: ({ stdout }) => (stdout.trim() === "" ? undefined : irqBalanceIn(stdout)),
};

export const irqBalanceNow: Probe<ObservedIrqBalance> = {
  name: "irqbalance",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => irqBalanceIn(stdout),
};

function irqBalanceIn(stdout: string): ObservedIrqBalance {
  const property = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(stdout)?.[1] ?? "";
  const path = [...stdout.matchAll(/^EnvironmentFiles=(\/etc\/\S+)/gm)].at(-1)?.[1];
  const content = /^@file (\S*)$/m.exec(stdout)?.[1];
  const isLoaded = property("LoadState") === "loaded";
  return {
    presence: !isLoaded ? "missing" : property("ActiveState") === "active" ? "running" : "stopped",
    path,
    text: content === undefined ? undefined : Buffer.from(content, "base64").toString("utf8"),
    environment: new Map(
      [...stdout.matchAll(/^@environment ([A-Z_]+)=(.*)$/gm)].map(([, name = "", value = ""]) => [
        name,
        value,
      ]),
    ),
    knowsLists: /^@lists$/m.test(stdout),
  };
}
