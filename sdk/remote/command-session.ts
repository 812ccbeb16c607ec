import { refuseNul } from "../units/quoting.ts";
import type { Command } from "./transport.ts";

/** Between asking a command to end and ending it, s. */
export const GRACE_S = 2;

/** How much later than ours the machine's own time limit strikes, s: it only matters where we can't reach the command any more. */
const LATER_S = 10;

const MARK = "nfvlab-session";

// The session is told before anything can go wrong with the command: field 6 of stat, as in proc(5).
const LEAD = `read -r _ _ _ _ _ session _ < /proc/$$/stat; printf '${MARK} %s\\n' "$session" >&2; exec "$@"`;

// By session, not by process group: shells and `timeout` give their children groups of their own.
// `timeout` and `sudo` pass a signal on to what they run, which would be asked twice.
const END = `session=$1
members() {
  for stat in /proc/[0-9]*/stat; do
    read -r line < "$stat" || continue
    case $1$line in asked*"(timeout) "*|asked*"(sudo) "*) continue ;; esac
    pid=\${line%% *}
    fields=\${line##*) }
    state=\${fields%% *}
    fields=\${fields#* * * }
    [ "\${fields%% *}" = "$session" ] && [ "$state" != Z ] && printf '%s ' "$pid"
  done
}
exec 2> /dev/null
kill -s TERM $(members asked)
for _ in $(seq ${GRACE_S * 10}); do
  [ -n "$(members)" ] || exit 0
  sleep 0.1
done
kill -s KILL $(members)
exit 0`;

/**
 * What is really run for a command: root by `sudo -n`, a line on standard error that tells its session, a time limit of the
 * machine's own, and the environment by `env`. sshd and a local start each begin a new session, and so may sudo: by it `endSession`
 * finds the command with all its children, whatever they did to their process groups.
 *
 * @throws InputError `argument` for a NUL byte
 */
export function leadSession(command: Command, timeoutMs: number, sudo: boolean): string[] {
  const environment = Object.entries({ LC_ALL: "C", ...command.environment });
  const limit = ["timeout", "-k", `${GRACE_S}`, `${Math.ceil(timeoutMs / 1000) + LATER_S}`];
  const argv = ["env", ...environment.map(([name, value]) => `${name}=${value}`), ...command.argv];
  argv.forEach(refuseNul);
  return [...root(sudo), "sh", "-c", LEAD, "sh", ...limit, ...argv];
}

/** Asks every process of a session to end, waits for `GRACE_S`, then ends what is left. */
export function endSession(session: string, sudo: boolean): string[] {
  return [...root(sudo), "sh", "-c", END, "sh", session];
}

function root(sudo: boolean): string[] {
  return sudo ? ["sudo", "-n", "--"] : [];
}

/** Takes the line that tells the session out of standard error, and passes everything else on. */
export class SessionLine {
  /** Resolves once the command is about to run. */
  readonly session: Promise<string>;
  #found = false;
  #held = Buffer.alloc(0);
  #resolve: (session: string) => void = () => undefined;
  readonly #pass: (chunk: Uint8Array) => void;

  constructor(pass: (chunk: Uint8Array) => void) {
    this.#pass = pass;
    this.session = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get found(): boolean {
    return this.#found;
  }

  take(chunk: Uint8Array): void {
    if (this.#found) {
      this.#pass(chunk);
      return;
    }
    this.#held = Buffer.concat([this.#held, chunk]);
    const line = new RegExp(`${MARK} (\\d+)\\n`).exec(this.#held.toString("latin1"));
    if (line?.[1] === undefined) return;
    this.#found = true;
    this.#resolve(line[1]);
    this.#pass(this.#held.subarray(0, line.index));
    this.#pass(this.#held.subarray(line.index + line[0].length));
  }

  /** What came where the line never did: why nothing was run. */
  get held(): string {
    return this.#found ? "" : this.#held.toString("utf8").trim();
  }
}
