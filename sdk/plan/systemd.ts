import { HostError } from "../units/errors.ts";

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
