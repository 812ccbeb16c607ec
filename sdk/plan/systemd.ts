import { HostError } from "../units/errors.ts";
import type { Step } from "./step.ts";

/** What a change of units may take: systemd asks every generator of the machine then, which a busy one is slow with. */
export const UNITS_CHANGED_MS = 180_000;

/** What unit files need that were written, changed or removed. */
export const readUnitsAgain: Step = {
  purpose: "let systemd read its units again",
  argv: ["systemctl", "daemon-reload"],
};

/** Removes a drop-in of ours. Its folder goes too, where nothing else is in it. */
export function removeDropIn(path: string): Step {
  const script = 'rm -f "$1" && rmdir --ignore-fail-on-non-empty "$(dirname "$1")"';
  return { purpose: `remove ${path}`, argv: ["sh", "-c", script, "sh", path] };
}

/**
 * What is said of a machine that something else than systemd runs (sd_booted(3)).
 *
 * @param use what its units are needed for, `keep a lease alive`
 */
export function systemdMissing(host: string, use: string, hint: string): HostError {
  return new HostError({
    code: "systemd-missing",
    problem: `${host} is not run by systemd, whose units ${use}`,
    observed: "no /run/systemd/system",
    hint,
  });
}
