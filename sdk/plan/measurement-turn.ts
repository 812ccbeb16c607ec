import type { Step } from "./step.ts";

const UNIT = "nfvlab-measurement.service";

/** Who has the turn to measure on a machine: a sentence for people, which ends with the tag of the resource. */
export interface Turn {
  readonly holder: string;
  readonly tag: string;
}

const describe = ({ holder, tag }: Turn) => `${holder} [${tag}]`;

/** Exit code of taking a turn where systemd is not what runs the machine (sd_booted(3)). */
export const NO_SYSTEMD = 69;

// systemd refuses a second unit of one name, so taking the turn needs no lock beside it.
const TAKE = `[ -d /run/systemd/system ] || exit ${NO_SYSTEMD}
systemd-run --quiet --collect --unit="$1" --description="$2" --property=RuntimeMaxSec="$3" sleep infinity 2>/dev/null && exit 0
systemctl show --property=Description --value "$1"`;

/**
 * Takes the turn to measure: two measurements on a machine would measure each other. The turn is a unit there which does nothing, and which ends by
 * itself where the engine that took it was lost. Prints nothing where it was taken, else who has it.
 *
 * @param seconds after which the turn is over, whatever becomes of its holder
 */
export function takeTurn(turn: Turn, seconds: number): Step {
  return {
    purpose: "take the turn to measure",
    argv: ["sh", "-c", TAKE, "sh", UNIT, describe(turn), `${seconds}`],
  };
}

export function endTurn(): Step {
  return { purpose: "end the turn to measure", argv: ["systemctl", "stop", UNIT] };
}

/** Reads what `takeTurn` printed: nothing where the turn is ours. */
export function holderOf(stdout: string): Turn | undefined {
  const text = stdout.trim();
  if (text === "") return undefined;
  const [, holder, tag] = /^(.*) \[([0-9a-f]+)\]$/.exec(text) ?? [];
  return holder === undefined || tag === undefined ? { holder: text, tag: "" } : { holder, tag };
}
