import type { ObservedIrqBalance } from "../observe/irq-balance.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";
import { removeFile } from "./tmpfiles.ts";

const LIST = "IRQBALANCE_BANNED_CPULIST";
const MASK = "IRQBALANCE_BANNED_CPUS";
const SERVICE = "irqbalance.service";

const HEAD = "# Written by nfvlab; removed when its resource is deleted.";
/** Behind a file whose last line has no end, which it gets back when our lines go. */
const HEAD_UNENDED =
  "# Written by nfvlab behind a line without an end; removed when its resource is deleted.";
const TAIL = "# End of the lines by nfvlab.";
const OWN = new RegExp(`\\n${HEAD_UNENDED}\\n([\\s\\S]*?)${TAIL}\\n|${HEAD}\\n([\\s\\S]*?)${TAIL}\\n`);

/** Our lines for these CPUs, as this irqbalance understands them. */
export function banLines(cpus: string, { knowsLists }: Pick<ObservedIrqBalance, "knowsLists">): string {
  const set = CpuSet.parse(cpus);
  return knowsLists ? `${LIST}=${set.format()}\n` : `${MASK}=${set.toGroupedMask()}\n`;
}

/** Our lines in a file of irqbalance's; undefined where it has none. */
export function ownLines(text: string): string | undefined {
  const [own, unended, ended] = OWN.exec(text) ?? [];
  return own === undefined ? undefined : (unended ?? ended);
}

export function withoutLines(text: string): string {
  return text.replace(OWN, "");
}

/** The file with our lines at its end, where they count over those before. */
export function withLines(text: string, lines: string): string {
  const theirs = withoutLines(text);
  const isEnded = theirs === "" || theirs.endsWith("\n");
  return `${theirs}${isEnded ? HEAD : `\n${HEAD_UNENDED}`}\n${lines}${TAIL}\n`;
}

/** CPUs that settings ban: a list counts over a mask. Null where they say nothing. */
function bannedBy(settings: ReadonlyMap<string, string>): string | null {
  const [list, mask] = [settings.get(LIST), settings.get(MASK)];
  if (list !== undefined) return canonical(list, CpuSet.parse);
  return mask === undefined ? null : canonical(mask.replace(/^0x/, ""), CpuSet.fromMask);
}

/** What somebody else wrote may be anything. */
function canonical(text: string, parse: (text: string) => CpuSet): string {
  try {
    return parse(text).format();
  } catch {
    return text;
  }
}

/** CPUs that irqbalance keeps off from its next start. */
export function configuredBan({ text = "" }: Pick<ObservedIrqBalance, "text">): string | null {
  const settings = [...text.matchAll(/^[ \t]*(?:export[ \t]+)?(IRQBALANCE_\w+)=(.*)$/gm)].map(
    ([, name = "", value = ""]) => [name, value.trim().replace(/^(["'])(.*)\1$/, "$2")] as const,
  );
  return bannedBy(new Map(settings));
}

/** CPUs that the running one keeps off. */
export function effectiveBan({ presence, environment }: ObservedIrqBalance): string | null {
  return presence === "running" ? bannedBy(environment) : null;
}

export function isPending(observed: ObservedIrqBalance): boolean {
  return observed.presence === "running" && effectiveBan(observed) !== configuredBan(observed);
}

/** What was configured, our own lines left out: where a state was lost they are there already. */
export function foundBan({ text }: Pick<ObservedIrqBalance, "text">): {
  file: boolean;
  bannedCpus: string | null;
} {
  return { file: text !== undefined, bannedCpus: configuredBan({ text: withoutLines(text ?? "") }) };
}

/** @throws HostError `irqbalance-file` where irqbalance is there, and its unit reads no file in /etc */
export function requireFile(observed: ObservedIrqBalance, host: string): string {
  if (observed.path !== undefined) return observed.path;
  throw new HostError({
    code: "irqbalance-file",
    problem: `irqbalance on ${host} takes its settings from no file`,
    observed: `no EnvironmentFile in /etc of ${SERVICE}`,
    expected: "/etc/default/irqbalance or /etc/sysconfig/irqbalance",
    hint: "look at its unit: systemctl cat irqbalance",
  });
}

/** What makes the file hold a text; nothing where it does. Its mode and owner stay. */
export function planText(path: string, text: string, found: string | undefined): Step[] {
  if (text === found) return [];
  const script =
    'umask 022; { [ ! -e "$1" ] || cp -p "$1" "$1.part"; } && cat > "$1.part" && mv "$1.part" "$1"';
  return [{ purpose: `write ${path}`, argv: ["sh", "-c", script, "sh", path], stdin: text }];
}

/** What takes our lines out, where they are as they were written. */
export function planRemoval(
  { path, text }: ObservedIrqBalance,
  written: string,
  found: { readonly file: boolean },
): { readonly steps: Step[]; readonly changedByOthers: boolean } {
  const own = text === undefined ? undefined : ownLines(text);
  if (path === undefined || text === undefined || own === undefined)
    return { steps: [], changedByOthers: false };
  if (own !== written) return { steps: [], changedByOthers: true };
  const left = withoutLines(text);
  if (left === "" && !found.file) return { steps: [removeFile(path)], changedByOthers: false };
  return { steps: planText(path, left, text), changedByOthers: false };
}

export function restartIrqBalance(): Step {
  return { purpose: "restart irqbalance", argv: ["systemctl", "restart", SERVICE] };
}

/** The CPUs in force, in the user's spelling where it means the same; of what waits for a restart that is not allowed, what is configured. */
export function observedBan(
  wanted: string | undefined,
  observed: ObservedIrqBalance,
  restart: "allow" | "deny" | undefined,
): string {
  if (wanted !== undefined && observed.presence === "missing") return wanted;
  const configured = configuredBan(observed);
  const shown =
    restart === "allow" && isPending(observed) && isSame(configured, wanted)
      ? effectiveBan(observed)
      : configured;
  return isSame(shown, wanted) && wanted !== undefined ? wanted : (shown ?? "");
}

function isSame(banned: string | null, wanted: string | undefined): boolean {
  return banned !== null && wanted !== undefined && banned === canonical(wanted, CpuSet.parse);
}

/** @throws VerificationError `irqbalance-not-taken` */
export function verifyBan(wanted: string, observed: ObservedIrqBalance, wasRestarted: boolean): void {
  const configured = configuredBan(observed);
  if (isSame(configured, wanted) && !(wasRestarted && isPending(observed))) return;
  const shown = isSame(configured, wanted) ? effectiveBan(observed) : configured;
  throw new VerificationError({
    code: "irqbalance-not-taken",
    property: "bannedCpus",
    problem: isSame(configured, wanted)
      ? "irqbalance was restarted, and runs by other CPUs"
      : `${observed.path} says otherwise in the end`,
    observed: shown ?? "no CPUs",
    expected: CpuSet.parse(wanted).format(),
    hint: "something else sets them as well, for instance a drop-in of its unit: systemctl cat irqbalance",
  });
}
