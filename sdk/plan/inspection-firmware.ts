import type { ObservedFirmware } from "../observe/firmware.ts";
import { FirmwareIntent, type InspectedKnob } from "../schema/inspection.ts";

/** What a machine shows of one item. */
interface Shown {
  /** Undefined where it does not show whether the item is on. */
  readonly isOn: boolean | undefined;
  readonly effective: string;
  readonly note?: string;
}

type Item = keyof FirmwareIntent;

const SHOWN: { readonly [I in Item]?: (firmware: ObservedFirmware, iommus: readonly string[]) => Shown } = {
  simultaneousMultithreading: ({ smt }) => {
    // The kernel may have switched off what the firmware offers.
    if (smt === undefined || smt === "notimplemented") return hidden("no smt/control in sysfs");
    const isOn = smt !== "notsupported";
    return { isOn, effective: `smt/control is ${smt}` };
  },
  turbo: ({ boost, turboEngaged }) => {
    if (turboEngaged !== undefined)
      return {
        isOn: turboEngaged,
        effective: `turbo ${turboEngaged ? "engaged" : "disengaged"} in MSR 0x1a0`,
      };
    if (boost === true) return { isOn: true, effective: "cpufreq lets CPUs boost" };
    if (boost === undefined) return hidden("nothing scales the frequency there");
    return { ...hidden("the kernel keeps CPUs from it, whatever the firmware says"), effective: "no boost" };
  },
  deepIdleStates: ({ idleStates }) => {
    if (!idleStates.some((name) => /^C\d/.test(name)))
      return {
        ...hidden("no C-state is offered, as in most virtual machines"),
        effective: idleStates.join(", "),
      };
    return { isOn: idleStates.some((name) => /^C([2-9]|\d\d)/.test(name)), effective: idleStates.join(", ") };
  },
  numa: ({ nodes, sockets }) => {
    if (sockets === 0 || nodes === 0) return hidden("the kernel shows no nodes");
    return { isOn: nodes >= sockets, effective: `${nodes} nodes, ${sockets} sockets` };
  },
  iommu: ({ acpiTables }, iommus) => {
    if (iommus.length > 0) return { isOn: true, effective: iommus.join(", ") };
    if (acpiTables === undefined) return hidden("the machine shows no ACPI tables");
    const table = ["DMAR", "IVRS"].find((name) => acpiTables.has(name));
    return { isOn: table !== undefined, effective: table === undefined ? "neither DMAR nor IVRS" : table };
  },
  virtualization: ({ cpuFlags }) => {
    const flag = ["vmx", "svm"].find((name) => cpuFlags.has(name));
    return { isOn: flag !== undefined, effective: flag ?? "neither vmx nor svm" };
  },
};

function hidden(note: string): Shown {
  return { isOn: undefined, effective: "", note };
}

/** How a record says what the machine shows of a declaration. */
const WORDS: Readonly<Partial<Record<InspectedKnob["verdict"], string>>> = {
  "as wanted": "verified",
  differs: "contradicted",
};

/** What was declared of the firmware, for a record, and what of it the machine shows to be otherwise. */
export interface DeclaredFirmware {
  /** By item: `off, verified: smt/control is notsupported`. */
  readonly declared: Readonly<Record<string, string>>;
  /** A sentence for each item that the machine contradicts. */
  readonly contradictions: readonly string[];
}

export function declaredFirmware(rows: readonly InspectedKnob[]): DeclaredFirmware {
  const wrong = rows.filter(({ verdict }) => verdict === "differs");
  return {
    declared: Object.fromEntries(
      rows.map(({ knob, wanted, verdict, effective, note }) => [
        knob,
        `${wanted}, ${WORDS[verdict] ?? "not verifiable"}: ${note || effective}`,
      ]),
    ),
    contradictions: wrong.map(
      ({ knob, wanted, effective }) =>
        `${knob} is declared ${wanted}, and the machine shows it ${wanted === "on" ? "off" : "on"}: ${effective}`,
    ),
  };
}

/** Compares what was declared of the firmware with what the machine shows of it; what it does not show is listed as not verifiable. */
export function inspectFirmware(
  intent: FirmwareIntent,
  firmware: ObservedFirmware,
  iommus: readonly string[],
): InspectedKnob[] {
  // In the order of the schema, whatever order they arrive in.
  return (Object.keys(FirmwareIntent.shape) as Item[]).flatMap((item) => {
    const wanted = intent[item];
    if (wanted === undefined) return [];
    const {
      isOn,
      effective,
      note = "",
    } = SHOWN[item]?.(firmware, iommus) ?? hidden("no machine shows it: look in the firmware's menu");
    const verdict =
      isOn === undefined ? "not verifiable here" : isOn === wanted ? "as wanted" : ("differs" as const);
    return [
      {
        ...{ knob: `firmware.${item}`, wanted: wanted ? "on" : "off", effective, configured: "" },
        ...{ pending: false, verdict, note, source: "declared", reason: "" },
      },
    ];
  });
}
