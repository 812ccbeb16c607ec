import type {
  MigrationAbilities,
  MigrationEvent,
  MigrationJob,
  MigrationStatus,
  ObservedMigration,
} from "../schema/migration-report.ts";
import { HostError } from "../units/errors.ts";
import { filesOf, type Probe } from "./probe.ts";
import { jsonOf, understood, wholeNumberOf } from "./understood.ts";

/**
 * Reads what `query-migrate` returned, of QEMU 5 to 10: fields that a version does not have are undefined, those that are not known here are passed over.
 *
 * @throws HostError `parse`
 */
export function parseMigrationStatus(text: string): MigrationStatus {
  return understood("what QEMU says of its migration", answered(text), () => {
    const found = returned(text) as Fields;
    const ram = found["ram"] as Fields | undefined;
    const whole = (fields: Fields, key: string) => number(fields, key) ?? 0;
    return {
      status: found["status"] === undefined ? "none" : word(found["status"]),
      totalMs: number(found, "total-time"),
      downtimeMs: number(found, "downtime"),
      setupMs: number(found, "setup-time"),
      problem: found["error-desc"] === undefined ? undefined : word(found["error-desc"]),
      blocked: ((found["blocked-reasons"] as unknown[] | undefined) ?? []).map(word),
      ram:
        ram === undefined
          ? undefined
          : {
              totalBytes: whole(ram, "total"),
              transferredBytes: whole(ram, "transferred"),
              remainingBytes: whole(ram, "remaining"),
              iterations: whole(ram, "dirty-sync-count"),
              dirtyPagesPerSecond: whole(ram, "dirty-pages-rate"),
              pageSize: number(ram, "page-size") ?? 4096,
            },
    };
  });
}

/**
 * Reads what `query-migrate-capabilities` and `query-migrate-parameters` returned: what a QEMU can do is asked of it, never told by its version.
 *
 * @throws HostError `parse`
 */
export function parseMigrationAbilities(capabilities: string, parameters: string): MigrationAbilities {
  return {
    capabilities: understood("QEMU's capabilities of migration", answered(capabilities), () => {
      const all = returned(capabilities) as readonly { readonly capability: unknown }[];
      return new Set(all.map(({ capability }) => word(capability)));
    }),
    parameters: understood("QEMU's parameters of migration", answered(parameters), () => {
      const all = returned(parameters);
      if (typeof all !== "object" || all === null || Array.isArray(all)) throw new TypeError("no parameters");
      return new Set(Object.keys(all));
    }),
  };
}

/**
 * Reads `virsh domjobinfo --rawstats`, of a job that goes on or, with `--completed`, of the last one; undefined where there is none. While a job goes on its `downtime` is what is
 * expected, so it is that of a finished one only (type 3).
 *
 * @throws HostError `parse`
 */
export function parseMigrationJob(text: string): MigrationJob | undefined {
  return understood("libvirt's job of a migration", answered(text), () => {
    const type = /^Job type:\s*(\d+)\s*$/m.exec(text)?.[1];
    if (type === undefined) throw new TypeError("no type of a job");
    const fields = new Map(
      [...text.matchAll(/^(\w+): (-?\d+)\s*$/gm)].map(([, key = "", value]) => [
        key,
        wholeNumberOf(`${key} of a migration's job`, value),
      ]),
    );
    if (!fields.has("time_elapsed")) return undefined;
    const of = (key: string) => fields.get(key) ?? 0;
    return {
      elapsedMs: of("time_elapsed"),
      setupMs: of("setup_time"),
      downtimeMs: type === FINISHED ? fields.get("downtime") : undefined,
      totalBytes: of("memory_total"),
      transferredBytes: of("data_processed") || of("memory_processed"),
      iterations: of("memory_iteration"),
      dirtyPagesPerSecond: of("memory_dirty_rate"),
      pageSize: fields.get("memory_page_size") ?? 4096,
    };
  });
}

/** VIR_DOMAIN_JOB_COMPLETED. */
const FINISHED = "3";

/** Reads what `virsh qemu-monitor-event` printed; other events and lines are passed over. */
export function parseMigrationEvents(text: string): MigrationEvent[] {
  return [...text.matchAll(/^event (\w+) at (\d{1,10})\.(\d{6}) for domain '[^']*': (.*)$/gm)].map(
    ([, event = "", seconds, micros, data = ""]) => {
      const status = /"status":"([a-z-]+)"/.exec(data)?.[1];
      return {
        event,
        atUs: Number(seconds) * 1e6 + Number(micros),
        ...(event === "MIGRATION" && status !== undefined && { status }),
      };
    },
  );
}

/**
 * Reads what the script of a migration printed.
 *
 * @throws HostError `parse` where a section is missing: it was ended from outside
 */
export function parseMigrationRun(text: string): ObservedMigration {
  const sections = text.split(/^@/m).slice(1);
  const of = (name: string) => sections.filter((section) => section.split(/\s/, 1)[0] === name);
  const bodyOf = (section: string) => section.slice(section.indexOf("\n") + 1);
  const [end] = of("end");
  const [, code, late] = /^end (\d{1,3}) (intime|late|stuck)\n/.exec(end ?? "") ?? [];
  if (end === undefined || code === undefined)
    throw new HostError({
      code: "parse",
      problem: "could not read what became of a migration",
      observed: JSON.stringify(text.trim().split("\n").slice(-3).join(" | ").slice(0, 300)),
      hint: "its unit was ended from outside: see the machine's journal",
    });
  const status = bodyOf(of("status")[0] ?? "").trim();
  return {
    code: Number(code),
    late: late !== "intime",
    stuck: late === "stuck",
    said: bodyOf(end)
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join(" | "),
    events: parseMigrationEvents(bodyOf(of("events")[0] ?? "")),
    seen: of("job").flatMap((section) => {
      const body = bodyOf(section);
      // A job may end between two looks, and virsh then has nothing to tell.
      return /^Job type:/m.test(body) ? (parseMigrationJob(body) ?? []) : [];
    }),
    status: status.startsWith("{") ? parseMigrationStatus(status) : undefined,
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** virsh prints the reply of the monitor; QEMU's own socket may have events before it. */
function returned(text: string): unknown {
  const line = text.split("\n").find((candidate) => candidate.includes('"return"')) ?? "";
  const document = text.trimStart().startsWith("{\n") ? text : line;
  const reply = jsonOf(document) as Fields;
  const found = reply["return"];
  if (typeof found !== "object" || found === null) throw new TypeError("no return");
  return found;
}

function number(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) throw new TypeError(`${key} is no whole number`);
  return value;
}

function word(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("no text");
  return value;
}

const answered = (stdout: string) => ({ code: 0, stdout, stderr: "" });

/** Files that a guest has open, as its definition names them: what it boots, and its disks. */
export function filesOfGuest(xml: string): string[] {
  const tags = [...xml.matchAll(/<(kernel|initrd|loader)(?: [^>]*)?>([^<]+)<\/\1>/g)].map(
    ([, , path]) => path ?? "",
  );
  const disks = [...xml.matchAll(/<disk [^>]*>[\s\S]*?<\/disk>/g)].flatMap(
    ([disk]) => /<source file=(['"])(.*?)\1/.exec(disk)?.[2] ?? [],
  );
  return [...tags, ...disks];
}

/** Guests that were being migrated and may run elsewhere, by name, with the machine that they were on their way to. */
export const guestsAway: Probe<ReadonlyMap<string, string>> = {
  name: "guests-away",
  ask: { kind: "files", patterns: ["/var/lib/nfvlab/away/*"] },
  parse: (answer) =>
    new Map(
      [...filesOf(answer)].flatMap(([path, [where = ""]]) => {
        const guest = path.slice(path.lastIndexOf("/") + 1);
        return guest === "*" || guest.endsWith(".part") ? [] : [[guest, where] as const];
      }),
    ),
};
