import type { Ledger, ObservedLeaseHolder } from "../observe/leases.ts";
import { LEASE_FOLDER, type LeaseRecord } from "../schema/lease.ts";
import { exactDuration } from "../units/duration.ts";
import { VerificationError } from "../units/errors.ts";
import { partsWords } from "./lease-parts.ts";
import { ownerWords } from "./owner.ts";
import type { Step } from "./step.ts";
import { readUnitsAgain } from "./systemd.ts";
import { planFile } from "./tmpfiles.ts";

/** Exit code of a grant whose ledger is not the one that was looked at any more: look again. */
export const LEDGER_CHANGED = 75;

// The text is read before the lock is taken, which is on the folder: a connection that hangs must not hold it.
const GRANT = `text=$(cat)
folder=$1 id=$2 ledger=$3
shift 3
umask 022
mkdir -p "$folder" && cd "$folder" || exit 1
exec 9< .
flock -w 10 9 || exit ${LEDGER_CHANGED}
[ "$(sha256sum -- *.json 2> /dev/null)" = "$ledger" ] || exit ${LEDGER_CHANGED}
for stale; do
  case $(systemctl is-active "nfvlab-lease-\${stale%:*}.service" 2> /dev/null) in
    active | activating | reloading) exit ${LEDGER_CHANGED} ;;
  esac
  [ $(($(stat -c %Y -- "\${stale%:*}.json") + \${stale#*:})) -le "$(date +%s)" ] || exit ${LEDGER_CHANGED}
done
for stale; do rm -f -- "\${stale%:*}.json" || exit 1; done
printf '%s\\n' "$text" > "$id.part" && sync "$id.part" && mv "$id.part" "$id.json"`;

/**
 * Writes a lease, where the ledger is still the one that it was judged by and the leases that it takes over are still stale; else exits with
 * {@link LEDGER_CHANGED} and has changed nothing. All of it under one lock, so that of claims which overlap one is granted.
 */
export function grantStep(
  id: string,
  record: LeaseRecord,
  ledger: Ledger,
  takenOver: readonly { readonly id: string; readonly record: LeaseRecord }[],
): Step {
  const listing = ledger.leases.map((lease) => `${lease.sha256}  ${lease.id}.json`).join("\n");
  const stale = takenOver.map((lease) => `${lease.id}:${exactDuration(lease.record.term, "s")}`);
  return {
    purpose: `lease ${partsWords(record.parts)}`,
    argv: ["sh", "-c", GRANT, "sh", LEASE_FOLDER, id, listing, ...stale],
    stdin: JSON.stringify(record),
  };
}

export function leaseService(id: string): string {
  return `nfvlab-lease-${id}.service`;
}

function leaseFile(id: string): string {
  return `${LEASE_FOLDER}/${id}.json`;
}

function unitPath(id: string): string {
  return `/etc/systemd/system/${leaseService(id)}`;
}

/**
 * The holder renews a lease by its file's time as long as the file is there. It is not started again when it was killed: that is how somebody on the machine ends a
 * lease whose owner is gone. At boot it renews before anybody can log in.
 */
export function holderText(id: string, { owner, parts, term }: LeaseRecord): string {
  const file = leaseFile(id);
  const every = Math.max(1, Math.floor(exactDuration(term, "s") / 3));
  return `# Written by nfvlab; removed when its resource is deleted.
[Unit]
Description=${inOneLine(`Lease of ${partsWords(parts)}: ${ownerWords(owner)}`)}
ConditionPathExists=${file}
Before=ssh.service sshd.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/bin/sh -c 'while touch -c ${file} && [ -e ${file} ]; do sleep ${every}; done'
Restart=no
OOMScoreAdjust=-1000

[Install]
WantedBy=multi-user.target
`;
}

/** A text in a unit: names of stacks and resources may hold anything. */
function inOneLine(text: string): string {
  return text.replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, "?").replaceAll("%", "%%");
}

/** What makes the service hold the lease; nothing where it does. */
export function planHolder(id: string, record: LeaseRecord, found: ObservedLeaseHolder | undefined): Step[] {
  const text = holderText(id, record);
  if (found?.running === true && found.text === text) return [];
  const service = leaseService(id);
  return [
    ...planFile(unitPath(id), text, found?.text.trimEnd()),
    readUnitsAgain,
    { purpose: `enable ${service}`, argv: ["systemctl", "enable", service] },
    { purpose: `hold ${partsWords(record.parts)}`, argv: ["systemctl", "restart", service] },
  ];
}

/** What ends a lease, or clears away what is left of one. */
export function planRelease(id: string, { holders }: Ledger): Step[] {
  return [
    { purpose: `remove ${leaseFile(id)}`, argv: ["rm", "-f", leaseFile(id)] },
    ...(holders.has(id) ? [removeHolder(id)] : []),
  ];
}

// Where the lease is there again, so is its owner.
const REMOVE_HOLDER = `[ ! -e "$3" ] || exit 0
systemctl disable --now "$1" && rm -f "$2" && systemctl daemon-reload || exit 1
systemctl reset-failed "$1" 2> /dev/null || true`;

/** Clears away the service of a lease that is gone. */
export function removeHolder(id: string): Step {
  const service = leaseService(id);
  return {
    purpose: `remove ${service}`,
    argv: ["sh", "-c", REMOVE_HOLDER, "sh", service, unitPath(id), leaseFile(id)],
  };
}

/** @throws VerificationError `lease-not-held` */
export function verifyHolder(id: string, { holders }: Ledger, host: string): void {
  if (holders.get(id)?.running === true) return;
  throw new VerificationError({
    code: "lease-not-held",
    problem: `the lease is granted, but nothing renews it on ${host}`,
    observed: holders.has(id) ? `${leaseService(id)} does not run` : `no ${unitPath(id)}`,
    expected: `${leaseService(id)} running`,
    hint: `look at it there: systemctl status ${leaseService(id)}`,
  });
}
