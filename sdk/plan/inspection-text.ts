import { INSPECTION_VERDICTS, type InspectedKnob, type Inspection } from "../schema/inspection.ts";
import { table } from "../units/table.ts";

/** Settings by verdict. */
export function countVerdicts(knobs: readonly InspectedKnob[]): Inspection["counts"] {
  const of = (verdict: InspectedKnob["verdict"]) => knobs.filter((knob) => knob.verdict === verdict).length;
  const [asWanted, differs, pending, notOnThisMachine, notVerifiable] = INSPECTION_VERDICTS.map(of) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { asWanted, differs, pending, notOnThisMachine, notVerifiable };
}

/** `9 of 31 settings as wanted; 3 pending a reboot, 12 differ`. */
export function summarize(counts: Inspection["counts"]): string {
  const { asWanted, differs, pending, notOnThisMachine, notVerifiable } = counts;
  const all = asWanted + differs + pending + notOnThisMachine + notVerifiable;
  const others = [
    [pending, "pending a reboot"],
    [differs, differs === 1 ? "differs" : "differ"],
    [notOnThisMachine, "not on this machine"],
    [notVerifiable, "not verifiable here"],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  const whole = `${asWanted} of ${all} ${all === 1 ? "setting" : "settings"} as wanted`;
  return others.length === 0 ? whole : `${whole}; ${others.join(", ")}`;
}

const WIDEST = 34;

/** Summary and table for a terminal. */
export function explainInspection(
  title: string,
  { knobs, firmware, machine, rivals, summary }: Omit<Inspection, "explanation" | "counts">,
): string {
  return [
    `${title}: ${summary}`,
    ...(machine === "" ? [] : [machine]),
    ...(rivals.length === 0 ? [] : [`may set the same: ${rivals.join(", ")}`]),
    "",
    ...tableOf("setting", knobs),
    ...(firmware.length === 0 ? [] : ["", ...tableOf("firmware", firmware)]),
    "",
  ].join("\n");
}

function tableOf(title: string, knobs: readonly InspectedKnob[]): string[] {
  const rows = [
    [title, "wanted", "in force", "next boot", "verdict"],
    ...knobs.map(({ knob, wanted, effective, configured, verdict, note }) => [
      knob.replace(/^firmware\./, ""),
      cut(wanted),
      cut(effective) || "–",
      cut(configured) || "–",
      note === "" ? verdict : `${verdict}: ${note}`,
    ]),
  ];
  return table(rows, { gap: 2 });
}

function cut(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, " ");
  return line.length <= WIDEST ? line : `${line.slice(0, WIDEST - 1)}…`;
}
