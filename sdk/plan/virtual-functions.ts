import type { ObservedFunction, ObservedSriov, PciFunctions } from "../observe/pci.ts";
import type { Inputs, Outputs } from "../schema/definition.ts";
import type { virtualFunctions } from "../schema/pci.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { type PciUnit, unitName } from "./pci-unit.ts";
import { type Step, writeStep } from "./step.ts";

type Wanted = Pick<Inputs<typeof virtualFunctions>, "pf" | "count" | "driversAutoprobe" | "up">;
type Texts = ReadonlyMap<string, string>;

/** A physical function that can have virtual ones. */
export type PhysicalFunction = ObservedFunction & { readonly sriov: ObservedSriov };

const NUMBER = "sriov_numvfs";
const AUTOPROBE = "sriov_drivers_autoprobe";
const UP = "up";
/** A card with many takes its time: each is looked at by the kernel, and gets a driver. */
const TIMEOUT_MS = 300_000;

/** @throws HostError `function-missing`, `sriov-missing` */
export function physicalFunction(address: string, functions: PciFunctions, host: string): PhysicalFunction {
  const observed = requireFunction(address, "pf", functions, host);
  const { sriov } = observed;
  if (sriov !== undefined) return { ...observed, sriov };
  const owner = observed.physicalFunction;
  throw new HostError({
    code: "sriov-missing",
    property: "pf",
    problem: `${address} of ${host} can have no virtual functions`,
    observed: owner === undefined ? "no sriov_totalvfs" : `a virtual function of ${owner}`,
    expected: "a physical function with SR-IOV",
    hint:
      owner === undefined
        ? "switch SR-IOV on in the firmware of the machine and of the card"
        : "name the physical function",
  });
}

/** @throws HostError `function-missing` */
export function requireFunction(
  address: string,
  property: string,
  functions: PciFunctions,
  host: string,
): ObservedFunction {
  const observed = functions.get(address);
  if (observed !== undefined) return observed;
  const cards = [...functions.values()].filter(({ class: code }) => code.startsWith("0x02"));
  throw new HostError({
    code: "function-missing",
    property,
    problem: `${host} has no PCI function ${address}`,
    observed: `the network cards ${cards.map((card) => card.address).join(", ") || "none"}`,
    hint: "look for it with `lspci -D` there",
  });
}

/** @throws HostError `sriov-total`, `interface-missing` */
export function requireRoom(
  { pf, count, up }: Wanted,
  { sriov, driver }: PhysicalFunction,
  host: string,
): void {
  if (up !== undefined && sriov.link === undefined)
    throw new HostError({
      code: "interface-missing",
      property: "up",
      problem: `${pf} of ${host} has no network interface to set ${up ? "up" : "down"}`,
      observed: `driver ${driver ?? "none"}`,
      expected: "a network driver of the kernel's",
      hint: "leave `up` out",
    });
  if (count <= sriov.total) return;
  throw new HostError({
    code: "sriov-total",
    property: "count",
    problem: `${pf} of ${host} can't have that many virtual functions`,
    observed: `${count}`,
    expected: `at most ${sriov.total}`,
    hint: "its firmware may be set to fewer than the card can have, for instance NUM_OF_VFS of mlxconfig",
  });
}

/** What the kernel has of what this resource owns, by file. */
export function textsNow(
  { driversAutoprobe, up }: Pick<Wanted, "driversAutoprobe" | "up">,
  sriov: ObservedSriov,
): Texts {
  return new Map([
    [NUMBER, `${sriov.active}`],
    ...(driversAutoprobe === undefined ? [] : [[AUTOPROBE, bit(sriov.autoprobe)] as const]),
    ...(up === undefined ? [] : [[UP, bit(sriov.link?.up === true)] as const]),
  ]);
}

export function textsWanted({ count, driversAutoprobe, up }: Wanted): Texts {
  return new Map([
    [NUMBER, `${count}`],
    ...(driversAutoprobe === undefined ? [] : [[AUTOPROBE, bit(driversAutoprobe)] as const]),
    ...(up === undefined ? [] : [[UP, bit(up)] as const]),
  ]);
}

const bit = (flag: boolean) => (flag ? "1" : "0");

/** Whether this takes away the functions that are there. */
export function isRemoving(target: Texts, { active }: ObservedSriov): boolean {
  const number = target.get(NUMBER);
  return active > 0 && number !== undefined && Number(number) !== active;
}

/** What brings the files to the texts; nothing for those that are so. A number other than 0 is changed by way of 0. */
export function planVirtualFunctions(pf: string, target: Texts, sriov: ObservedSriov): Step[] {
  const write = (file: string, text: string, purpose: string): Step => ({
    ...writeStep(purpose, `/sys/bus/pci/devices/${pf}/${file}`, text),
    timeoutMs: TIMEOUT_MS,
  });
  const [count, autoprobe, up] = [target.get(NUMBER), target.get(AUTOPROBE), target.get(UP)];
  const isOther = count !== undefined && Number(count) !== sriov.active;
  return [
    ...(isOther && sriov.active > 0 ? [write(NUMBER, "0", `remove the virtual functions of ${pf}`)] : []),
    ...(autoprobe !== undefined && autoprobe !== bit(sriov.autoprobe)
      ? [write(AUTOPROBE, autoprobe, `set ${AUTOPROBE} of ${pf} to ${autoprobe}`)]
      : []),
    ...(isOther && Number(count) > 0
      ? [write(NUMBER, count, `make ${count} virtual functions of ${pf}`), SETTLE]
      : []),
    ...(up !== undefined && sriov.link !== undefined && up !== bit(sriov.link.up)
      ? [setLink(sriov.link.name, up === "1" ? "up" : "down")]
      : []),
  ];
}

const setLink = (name: string, state: "up" | "down"): Step => ({
  purpose: `set ${name} ${state}`,
  argv: ["ip", "link", "set", "dev", name, state],
});

/** udev gives their interfaces the names that they keep. */
const SETTLE: Step = {
  purpose: "wait for udev",
  argv: ["udevadm", "settle", "--timeout=60"],
  timeoutMs: 90_000,
};

type FunctionMap = Outputs<typeof virtualFunctions>["functions"];

/**
 * Index to address to IOMMU group to interface.
 *
 * @param had as it was when they were made: an interface that was given to a container since is not seen any more, and is that function's all the same
 */
export function functionMap(
  { sriov }: PhysicalFunction,
  functions: PciFunctions,
  had: FunctionMap = [],
): FunctionMap {
  return sriov.functions.map((address, index) => ({
    index,
    address,
    iommuGroup: functions.get(address)?.iommuGroup ?? null,
    interface:
      had.find((each) => each.address === address)?.interface ??
      functions.get(address)?.interfaces[0] ??
      null,
  }));
}

export function virtualFunctionsUnit({ pf, count, driversAutoprobe, up }: Wanted): PciUnit {
  const folder = `/sys/bus/pci/devices/${pf}`;
  const autoprobe =
    driversAutoprobe === undefined ? "" : `echo ${bit(driversAutoprobe)} > ${folder}/${AUTOPROBE}; `;
  const link = up === undefined ? "" : `; ip link set dev "$(ls ${folder}/net)" ${up ? "up" : "down"}`;
  return {
    name: unitName("vfs", pf),
    description: `${count} virtual functions of ${pf}`,
    after: [],
    waitsFor: `${folder}/driver`,
    script: `${autoprobe}[ "$(cat ${folder}/${NUMBER})" = ${count} ] || { echo 0 > ${folder}/${NUMBER}; echo ${count} > ${folder}/${NUMBER}; }${link}`,
  };
}

/** On import: what our service sets beside the number. */
export function meantBeside(unit = ""): Pick<Wanted, "driversAutoprobe" | "up"> {
  const autoprobe = new RegExp(`echo ([01]) > \\S+/${AUTOPROBE}`).exec(unit)?.[1];
  const link = /ip link set dev .* (up|down)'$/m.exec(unit)?.[1];
  return {
    ...(autoprobe !== undefined && { driversAutoprobe: autoprobe === "1" }),
    ...(link !== undefined && { up: link === "up" }),
  };
}

const PROPERTY: Readonly<Record<string, string>> = {
  [NUMBER]: "count",
  [AUTOPROBE]: "driversAutoprobe",
  [UP]: "up",
};

/** @throws VerificationError `sriov-not-taken` */
export function verifyVirtualFunctions(wanted: Wanted, sriov: ObservedSriov, host: string): void {
  const now = textsNow(wanted, sriov);
  const wrong = [...textsWanted(wanted)].filter(([file, text]) => now.get(file) !== text);
  if (wrong.length === 0 && sriov.functions.length === wanted.count) return;
  throw new VerificationError({
    code: "sriov-not-taken",
    property: PROPERTY[wrong.length === 1 ? (wrong[0]?.[0] ?? NUMBER) : NUMBER] ?? "count",
    problem: `${wanted.pf} of ${host} has other virtual functions than it was told`,
    observed: `${[...now].map(([file, text]) => `${file} ${text}`).join(", ")}, functions ${sriov.functions.join(", ") || "none"}`,
    expected: [...textsWanted(wanted)].map(([file, text]) => `${file} ${text}`).join(", "),
    hint: "look there: dmesg | grep -i -e vf -e sriov",
  });
}
