import { unreadable } from "./parse-error.ts";
import type { Answer, Probe } from "./probe.ts";
import { jsonOf } from "./understood.ts";

/** A row of `lscpu`. What the kernel does not tell is absent: of a CPU that is offline, everything but its number. */
export interface ListedCpu {
  readonly cpu: number;
  readonly online: boolean;
  /** Unique over the whole machine, unlike the kernel's own core_id. */
  readonly core?: number;
  readonly package?: number;
  readonly numaNode?: number;
  readonly maxFrequencyKhz?: number;
}

/** All processors that are present, online or not. */
export const listedCpus: Probe<readonly ListedCpu[]> = {
  name: "lscpu",
  ask: {
    kind: "command",
    argv: ["lscpu", "--json", "--all", "--extended=CPU,CORE,SOCKET,NODE,ONLINE,MAXMHZ"],
  },
  parse: parseLscpu,
};

/**
 * Reads `lscpu -J -e`: every value is a text before util-linux 2.38 and typed since. What is unknown is `"-"` or `null`, in 2.38 a bare `-`,
 * which is no JSON.
 *
 * @throws HostError `parse`
 */
export function parseLscpu(answer: Answer): ListedCpu[] {
  const rows = rowsOf(answer.stdout.replace(/(":\s*)-(?=\s*[,}])/g, "$1null"));
  const cpus = rows.flatMap((row): ListedCpu[] => {
    const cpu = numberOf(row.cpu);
    if (cpu === undefined) return [];
    const [core, socket, node, megahertz] = [row.core, row.socket, row.node, row.maxmhz].map(numberOf);
    return [
      {
        cpu,
        online: row.online === true || row.online === "yes",
        ...(core !== undefined && { core }),
        ...(socket !== undefined && { package: socket }),
        ...(node !== undefined && { numaNode: node }),
        ...(megahertz !== undefined && { maxFrequencyKhz: Math.round(megahertz * 1000) }),
      },
    ];
  });
  if (cpus.length === 0) throw unreadable("the CPUs that lscpu lists", answer);
  return cpus.sort((a, b) => a.cpu - b.cpu);
}

function rowsOf(json: string): Readonly<Record<string, unknown>>[] {
  try {
    const { cpus } = jsonOf(json) as { cpus?: unknown };
    return Array.isArray(cpus) ? cpus.filter((row) => typeof row === "object" && row !== null) : [];
  } catch {
    return [];
  }
}

function numberOf(cell: unknown): number | undefined {
  if (typeof cell === "number") return cell;
  return typeof cell === "string" && /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : undefined;
}
