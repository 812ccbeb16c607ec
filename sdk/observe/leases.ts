import { LEASE_FOLDER, LeaseRecord } from "../schema/lease.ts";
import { unreadable } from "./parse-error.ts";
import type { Probe } from "./probe.ts";
import { fileIn } from "./sections.ts";

/** The file of a lease. */
export interface ObservedLease {
  /** Name of the file without `.json`. */
  readonly id: string;
  readonly sha256: string;
  /** Seconds of the machine's clock. */
  readonly renewedAt: number;
  /** Absent where the file holds something else. */
  readonly record?: LeaseRecord;
}

/** The service that renews a lease. */
export interface ObservedLeaseHolder {
  readonly text: string;
  readonly running: boolean;
}

/** All leases of a machine, and what keeps them alive. */
export interface Ledger {
  /** Whether systemd runs the machine. */
  readonly systemd: boolean;
  /** Seconds of the machine's clock. */
  readonly now: number;
  readonly leases: readonly ObservedLease[];
  /** By the id of the lease; one may be left of a lease that is gone. */
  readonly holders: ReadonlyMap<string, ObservedLeaseHolder>;
}

// The digest comes before the text: where a lease changes in between, it is not that of the ledger any more when a grant compares it.
const SCRIPT = `[ -d /run/systemd/system ] && echo @systemd
date '+@now %s'
cd "$1" 2>/dev/null && for file in *.json; do
  [ -e "$file" ] || continue
  printf '@lease %s %s\\n' "$(stat -c %Y -- "$file")" "$(sha256sum -- "$file")"
  sed 's/^/@text /' -- "$file"; echo
done
for file in /etc/systemd/system/nfvlab-lease-*.service; do
  [ -e "$file" ] || continue
  printf '@holder %s %s\\n' "$file" "$(systemctl is-active "\${file##*/}")"
  sed 's/^/@text /' "$file"; echo
done
true`;

/** Every lease of the machine with its holder. */
export const leaseLedger: Probe<Ledger> = {
  name: "lease-ledger",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", LEASE_FOLDER] },
  parse: (answer) => {
    const { stdout } = answer;
    const leases: ObservedLease[] = [];
    const holders = new Map<string, ObservedLeaseHolder>();
    const [head = "", ...sections] = stdout.split(/^(?=@(?:lease|holder) )/m);
    for (const section of sections) {
      const [line = "", ...rest] = section.split("\n");
      const text = fileIn(rest);
      const [, renewedAt, sha256, id] = /^@lease (\d+) ([0-9a-f]{64}) {2}(.+)\.json$/.exec(line) ?? [];
      if (id !== undefined && sha256 !== undefined)
        leases.push({ id, sha256, renewedAt: Number(renewedAt), ...recordIn(text) });
      const [, held, state] = /^@holder \S*\/nfvlab-lease-(.+)\.service ?(\S*)$/.exec(line) ?? [];
      if (held !== undefined) holders.set(held, { text, running: RUNNING.has(state ?? "") });
    }
    const now = /^@now (\d+)$/m.exec(head)?.[1];
    if (now === undefined) throw unreadable("the leases of the machine", answer);
    return { systemd: /^@systemd$/m.test(head), now: Number(now), leases, holders };
  },
};

const RUNNING = new Set(["active", "activating", "reloading"]);

function recordIn(text: string): { record?: LeaseRecord } {
  try {
    return { record: LeaseRecord.parse(JSON.parse(text)) };
  } catch {
    return {};
  }
}
