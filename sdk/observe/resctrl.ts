import type { Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

/** What the kernel says of one resource: `L3`, `L2`, `MB`. Masks are hexadecimal. */
export interface ResctrlResource {
  /** Every way that there is; undefined for bandwidth. */
  readonly mask?: string;
  readonly minBits?: number;
  /** Ways that devices use too, as network cards by DDIO. */
  readonly shareable?: string;
  readonly sparse: boolean;
  /** Groups that it can tell apart, the default one included. */
  readonly groups: number;
}

export interface ResctrlGroup {
  /** As the file has it, by resource, in that by cache: `L3` -> `0` -> `fffff`. */
  readonly schemata: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly cpus: string;
}

export interface ObservedResctrl {
  /** What the processor has of it: `rdt_a`, `cat_l3`, `cat_l2`, `mba`. */
  readonly flags: readonly string[];
  /** Whether the kernel knows the file system. */
  readonly known: boolean;
  readonly mounted: boolean;
  readonly resources: ReadonlyMap<string, ResctrlResource>;
  /** By name; that of the default group is empty. */
  readonly groups: ReadonlyMap<string, ResctrlGroup>;
}

const SCRIPT = `sed -n '/^flags/{s/^[^:]*://p;q}' /proc/cpuinfo | tr ' ' '\\n' | grep -xE 'rdt_a|cat_l[23]|mba' | sed 's/^/@flag /'
! grep -qw resctrl /proc/filesystems || echo @known
! grep -q ' /sys/fs/resctrl resctrl ' /proc/mounts || { echo @mounted; cd /sys/fs/resctrl && grep -s '' schemata cpus_list */schemata */cpus_list info/*/*; }
true`;

export const resctrl: Probe<ObservedResctrl> = {
  name: "resctrl",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const files = new Map<string, string[]>();
    for (const [, path = "", line = ""] of stdout.matchAll(/^([A-Za-z0-9_.][A-Za-z0-9_./-]*):(.*)$/gm))
      files.set(path, [...(files.get(path) ?? []), line.trim()]);
    const names = [...files.keys()].flatMap((path) => /^(?:(.+)\/)?schemata$/.exec(path)?.slice(1) ?? []);
    return {
      flags: [...stdout.matchAll(/^@flag (\S+)$/gm)].map(([, flag]) => flag as string),
      known: /^@known$/m.test(stdout),
      mounted: /^@mounted$/m.test(stdout),
      resources: resourcesIn(files),
      groups: new Map(
        names.map((name: string | undefined) => {
          const folder = name === undefined ? "" : `${name}/`;
          const schemata = schemataIn(files.get(`${folder}schemata`) ?? []);
          return [name ?? "", { schemata, cpus: files.get(`${folder}cpus_list`)?.[0] ?? "" }];
        }),
      ),
    };
  },
};

function schemataIn(lines: readonly string[]): Map<string, Map<string, string>> {
  return new Map(
    lines.flatMap((line) => {
      const [, resource, list = ""] = /^([A-Z0-9]+):(.*)$/.exec(line) ?? [];
      const entries = list.split(";").map((entry) => entry.trim().split("="));
      return resource === undefined
        ? []
        : [[resource, new Map(entries.map(([id = "", value = ""]) => [id.trim(), value.trim()]))] as const];
    }),
  );
}

function resourcesIn(files: ReadonlyMap<string, readonly string[]>): Map<string, ResctrlResource> {
  const names = [...files.keys()].flatMap((path) => /^info\/([A-Z0-9]+)\/num_closids$/.exec(path)?.[1] ?? []);
  return new Map(
    names.map((name) => {
      const text = (file: string) => files.get(`info/${name}/${file}`)?.[0];
      const [mask, minBits, shareable] = [text("cbm_mask"), text("min_cbm_bits"), text("shareable_bits")];
      return [
        name,
        {
          ...(mask !== undefined && { mask }),
          ...(minBits !== undefined && {
            minBits: wholeNumberOf(`the smallest mask of ${name} (resctrl)`, minBits),
          }),
          ...(shareable !== undefined && { shareable }),
          sparse: text("sparse_masks") === "1",
          groups: wholeNumberOf(`the groups of ${name} (resctrl)`, text("num_closids")),
        },
      ];
    }),
  );
}
