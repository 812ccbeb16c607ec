import { CpuSet } from "../../units/cpuset.ts";

/** What tuned would ask the machine. */
export interface TunedMachine {
  readonly cpus: ReadonlyArray<{ readonly cpu: number; readonly online: boolean; readonly package: number }>;
  readonly vendor: "intel" | "amd" | "other";
  /** `/sys/kernel/realtime` reads 1. Default: false. */
  readonly realTimeKernel?: boolean;
  /** Whether it is a guest. Undefined: not known, so that `${f:virt_check}` is not answered. */
  readonly virtual?: boolean;
}

/** What a function says: a text, nothing (tuned then leaves the call as it stands), that it cannot be known here, or that the profile must not load. */
export type FunctionAnswer = string | { readonly unknown: string } | { readonly fails: string };
type TunedFunction = (args: readonly string[], machine: TunedMachine) => FunctionAnswer;

const VENDOR_IDS = { intel: "GenuineIntel", amd: "AuthenticAMD", other: "" } as const;

/** The functions that need nothing but the machine's processors. Lists come out canonical, where tuned unpacks some. */
export const tunedFunctions: Readonly<Record<string, TunedFunction>> = {
  assertion: ([text = "", one, other]) =>
    one === other ? "" : { fails: `${text}: ${JSON.stringify(one)} is not ${JSON.stringify(other)}` },
  assertion_non_equal: ([text = "", one, other]) =>
    one !== other ? "" : { fails: `${text}: it is ${JSON.stringify(one)}` },
  calc_isolated_cores: ([reserved = "1"], { cpus }) => {
    if (!/^\d+$/.test(reserved)) return { unknown: `${JSON.stringify(reserved)} is no number of CPUs` };
    const online = cpus.filter((cpu) => cpu.online).sort((a, b) => a.cpu - b.cpu);
    const packages = [...new Set(online.map((cpu) => cpu.package))];
    return CpuSet.of(
      packages.flatMap((own) =>
        online
          .filter((cpu) => cpu.package === own)
          .slice(Number(reserved))
          .map(({ cpu }) => cpu),
      ),
    ).format();
  },
  cpuinfo_check: (args, { vendor }) =>
    firstMatch(
      args,
      "/proc/cpuinfo",
      /GenuineIntel|AuthenticAMD|vendor_id/,
      `vendor_id\t: ${VENDOR_IDS[vendor]}\n`,
    ),
  cpulist2devs: (args) => onList(args, (list) => [...list].map((cpu) => `cpu${cpu}`).join(",")),
  cpulist2hex: (args) => onList(args, paddedMask),
  cpulist2hex_invert: (args, machine) => onList(args, (list) => paddedMask(onlineOf(machine).minus(list))),
  cpulist_invert: (args, machine) => onList(args, (list) => onlineOf(machine).minus(list).format()),
  cpulist_online: (args, machine) => onList(args, (list) => onlineOf(machine).intersect(list).format()),
  cpulist_pack: (args) => onList(args, (list) => list.format()),
  cpulist_present: (args, { cpus }) =>
    onList(args, (list) =>
      CpuSet.of(cpus.map(({ cpu }) => cpu))
        .intersect(list)
        .format(),
    ),
  cpulist_unpack: (args) => onList(args, (list) => list.format()),
  check_net_queue_count: ([count = ""]) =>
    /^\d+$/.test(count) ? count : { unknown: "without a number tuned asks nproc, which is not known here" },
  hex2cpulist: ([mask = ""]) =>
    /^(0x)?[\da-f,]+$/i.test(mask)
      ? CpuSet.fromMask(mask).format()
      : { unknown: `${JSON.stringify(mask)} is no mask` },
  kb2s: ([size = ""]) => (/^\d+$/.test(size) ? `${Number(size) * 2}` : { unknown: "it is given no number" }),
  lscpu_check: (args, { vendor }) =>
    firstMatch(
      args,
      "lscpu",
      /GenuineIntel|AuthenticAMD|Vendor ID|Architecture/,
      `Architecture: x86_64\nVendor ID: ${VENDOR_IDS[vendor]}\n`,
    ),
  package2cpus: (packages, { cpus }) => {
    const inside = cpus.filter((cpu) => packages.includes(`${cpu.package}`)).map(({ cpu }) => cpu);
    return inside.length === 0
      ? { unknown: `the machine has no package ${packages.join(", ")}` }
      : inside.map((cpu) => `cpu${cpu}`).join(",");
  },
  regex_search_ternary: ([text = "", pattern = "", found = "", otherwise = ""]) => {
    const expression = compiled(pattern);
    return expression === undefined ? notAnExpression(pattern) : expression.test(text) ? found : otherwise;
  },
  s2kb: ([sectors = ""]) =>
    /^\d+$/.test(sectors) ? `${Math.round(Number(sectors) / 2)}` : { unknown: "it is given no number" },
  strip: (args) => args.join("").trim(),
  virt_check: ([guest = "", bare = ""], { virtual }) =>
    virtual === undefined
      ? { unknown: "whether the machine is a guest is not said" }
      : virtual
        ? guest
        : bare,
};

/** Functions of tuned's that ask what no plan may ask. */
export const unansweredFunctions: Readonly<Record<string, string>> = {
  exec: "it runs a command on the machine",
  intel_recommended_pstate: "it asks for the processor's generation",
  log: "it writes a log of tuned's",
  package2uncores: "it looks for uncore devices on the machine",
};

function onlineOf({ cpus }: TunedMachine): CpuSet {
  return CpuSet.of(cpus.filter(({ online }) => online).map(({ cpu }) => cpu));
}

function onList(args: readonly string[], use: (list: CpuSet) => string): FunctionAnswer {
  const list = tunedCpuList(args.join(",,"));
  return list === undefined ? { unknown: `${JSON.stringify(args.join(":"))} is no CPU list` } : use(list);
}

/** A CPU list as tuned takes it: also quoted, with empty items, `!3` for `^3`, and masks such as `0xff,00000000` that an empty item ends. */
export function tunedCpuList(text: string): CpuSet | undefined {
  const masks: string[] = [];
  const rest = text.replaceAll(
    /(^|,)(0x[\da-f]+(?:,[\da-f]+)*)(?=,,|$)/gi,
    (_, before: string, mask: string) => {
      masks.push(mask);
      return before;
    },
  );
  const items = rest
    .replaceAll(/^['"]|['"]$/g, "")
    .split(",")
    .map((item) => item.trim().replace(/^!/, "^"))
    .filter((item) => item !== "");
  if (items.some((item) => !/^\^?\d+(-\d+)?$/.test(item))) return undefined;
  try {
    return masks.reduce((set, mask) => set.union(CpuSet.fromMask(mask)), CpuSet.parse(items.join(",")));
  } catch {
    return undefined;
  }
}

/** In words of 32 bits that are all full, as tuned writes them. */
function paddedMask(list: CpuSet): string {
  return list
    .toGroupedMask()
    .split(",")
    .map((word) => word.padStart(8, "0"))
    .join(",");
}

/** Answers only what the vendor decides: of the rest of such a text nothing is known. */
function firstMatch(args: readonly string[], source: string, decided: RegExp, text: string): FunctionAnswer {
  for (let index = 0; index + 1 < args.length; index += 2) {
    const pattern = args[index] ?? "";
    const expression = compiled(pattern);
    if (expression === undefined) return notAnExpression(pattern);
    if (!decided.test(pattern))
      return { unknown: `what ${source} has for ${JSON.stringify(pattern)} is not known` };
    if (expression.test(text)) return args[index + 1] ?? "";
  }
  return args.length % 2 === 1 ? (args.at(-1) ?? "") : "";
}

function compiled(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, "m");
  } catch {
    return undefined;
  }
}

function notAnExpression(pattern: string): FunctionAnswer {
  return { unknown: `${JSON.stringify(pattern)} is no regular expression here` };
}
