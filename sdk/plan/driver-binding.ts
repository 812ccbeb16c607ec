import type { ObservedFunction, PciFunctions } from "../observe/pci.ts";
import type { Inputs } from "../schema/definition.ts";
import type { driverBinding } from "../schema/pci.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { type PciUnit, unitName } from "./pci-unit.ts";
import type { Step } from "./step.ts";

type Wanted = Inputs<typeof driverBinding>;
type Texts = ReadonlyMap<string, string>;

const DEFAULT_WITHIN = "120s";
/** Without an IOMMU to keep a function to its memory, or message-signalled interrupts. */
const REFUSED: readonly string[] = ["uio_pci_generic", "igb_uio"];
/** Of cards that DPDK drives through the kernel's driver and libibverbs. */
const BIFURCATED: readonly string[] = ["mlx4_core", "mlx5_core", "mana"];

/** @throws InputError `driver-unsafe`, `confirm-within` */
export function checkBinding({ driver, confirmWithin = DEFAULT_WITHIN }: Wanted): void {
  if (REFUSED.includes(driver))
    throw new InputError({
      code: "driver-unsafe",
      property: "driver",
      problem: `${driver} lets a program reach all memory of the machine through the card`,
      observed: driver,
      expected: "vfio-pci, with the IOMMU on",
      hint: "boot with intel_iommu=on iommu=pt where it is off",
    });
  const seconds = exactDuration(confirmWithin, "s");
  if (seconds >= 5 && seconds <= 3600) return;
  throw new InputError({
    code: "confirm-within",
    property: "confirmWithin",
    problem: "not a time to wait for a new connection",
    observed: confirmWithin,
    expected: "whole seconds from 5s to 1h",
  });
}

/** What the kernel has of what this resource owns: driver and driver_override, empty for none. */
export function bindingNow({ driver = "", driverOverride = "" }: ObservedFunction): Texts {
  return new Map([
    ["driver", driver],
    ["driver_override", driverOverride],
  ]);
}

export function bindingWanted({ driver }: Pick<Wanted, "driver">): Texts {
  return new Map([
    ["driver", driver],
    ["driver_override", driver],
  ]);
}

export interface BindingFacts {
  readonly functions: PciFunctions;
  /** Whether VFIO is told to do without an IOMMU. */
  readonly unsafe: boolean;
}

/**
 * Refuses what VFIO can't do, or not safely.
 *
 * @throws HostError `bifurcated-driver`, `iommu-missing`, `vfio-unsafe`, `group-not-viable`
 */
export function requireBindable(wanted: Wanted, { functions, unsafe }: BindingFacts, host: string): void {
  const observed = functions.get(wanted.address);
  if (observed === undefined || !isVfio(wanted.driver)) return;
  const { address, iommuGroup } = observed;
  const kernel = [observed.driver, functions.get(observed.physicalFunction ?? "")?.driver].find(
    (driver) => driver !== undefined && BIFURCATED.includes(driver),
  );
  if (kernel !== undefined)
    throw new HostError({
      code: "bifurcated-driver",
      property: "driver",
      problem: `${address} of ${host} keeps the kernel's driver while DPDK uses it`,
      observed: kernel,
      expected: "a card whose DPDK driver takes it over by VFIO",
      hint: "leave it as it is and name it to DPDK; what a guest gets is bound by libvirt when the guest starts (managed='yes')",
    });
  if (unsafe)
    throw new HostError({
      code: "vfio-unsafe",
      property: "driver",
      problem: `VFIO on ${host} is told to do without an IOMMU`,
      observed: "enable_unsafe_noiommu_mode Y",
      expected: "N",
      hint: "echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, and switch the IOMMU on",
    });
  if (iommuGroup === undefined)
    throw new HostError({
      code: "iommu-missing",
      property: "driver",
      problem: `${address} of ${host} is in no IOMMU group, so VFIO can't take it`,
      observed: "no iommu_group",
      hint: "switch VT-d or AMD-Vi on in the firmware, and boot with intel_iommu=on iommu=pt",
    });
  const strangers = groupStrangers(observed, functions, wanted.groupWith ?? []);
  if (strangers.length === 0) return;
  throw new HostError({
    code: "group-not-viable",
    property: "address",
    problem: `IOMMU group ${iommuGroup} of ${host} would belong to a guest and to the host at once`,
    observed: strangers.map(({ address: other, driver }) => `${other} has ${driver}`).join(", "),
    expected: "every function of the group with vfio-pci or without a driver",
    hint: "bind those as well, and name them in groupWith; a card in another slot may have a group of its own",
  });
}

/** Other endpoints of the group with a driver of the host's; bridges are no endpoints. */
export function groupStrangers(
  { address, iommuGroup }: ObservedFunction,
  functions: PciFunctions,
  companions: readonly string[],
): ObservedFunction[] {
  return [...functions.values()].filter(
    (other) =>
      other.address !== address &&
      iommuGroup !== undefined &&
      other.iommuGroup === iommuGroup &&
      !other.class.startsWith("0x06") &&
      other.driver !== undefined &&
      !isVfio(other.driver) &&
      !companions.includes(other.address),
  );
}

function isVfio(driver: string): boolean {
  return /^vfio|_vfio_/.test(driver);
}

// The function keeps out of its driver's way while it is bound to another one by force; what is written last is what holds for the next one.
// Without autoprobe of its physical function a virtual one takes a driver by override alone.
const BIND = `cd /sys/bus/pci/devices/"$1" && echo "$2" > driver_override || exit
at() { [ ! -e driver ] || basename "$(readlink driver)"; }
[ "$(at)" = "$2" ] || [ ! -e driver ] || echo "$1" > driver/unbind
[ -z "$2" ] || [ -e driver ] || echo "$1" > /sys/bus/pci/drivers_probe
echo "$3" > driver_override
[ "$(at)" = "$2" ]`;

// A driver need not have its module's name.
const LOAD = 'modprobe "$1" || [ -e "/sys/bus/pci/drivers/$1" ]';

/** A write that hangs in the driver must not hold up everything. */
const TIMEOUT_MS = 60_000;

/** What brings a function to a driver and an override; nothing where it is so. */
export function planBinding(address: string, target: Texts, now: Texts): Step[] {
  const [driver, override] = [target.get("driver") ?? "", target.get("driver_override") ?? ""];
  if (now.get("driver") === driver && now.get("driver_override") === override) return [];
  return [
    ...(driver === ""
      ? []
      : [
          {
            purpose: `load ${driver}`,
            argv: ["sh", "-c", LOAD, "sh", driver] as const,
            timeoutMs: TIMEOUT_MS,
          },
        ]),
    {
      purpose: driver === "" ? `take the driver from ${address}` : `bind ${driver} to ${address}`,
      argv: ["sh", "-c", BIND, "sh", address, driver, override],
      timeoutMs: TIMEOUT_MS,
    },
  ];
}

export function rollbackName(address: string): string {
  return `nfvlab-rollback-${address.replaceAll(":", "-")}`;
}

/** Has the machine itself put back what it has now, unless `confirmBinding` comes first. */
export function planRollback({ address, confirmWithin = DEFAULT_WITHIN }: Wanted, now: Texts): Step[] {
  const unit = rollbackName(address);
  return [
    {
      purpose: `have ${address} go back by itself unless that is called off`,
      argv: [
        ...(["systemd-run", "--quiet", "--collect", `--unit=${unit}`] as const),
        `--description=Put the driver of ${address} back, since nobody confirmed its binding`,
        `--on-active=${exactDuration(confirmWithin, "s")}s`,
        "--timer-property=AccuracySec=100ms",
        ...["sh", "-c", BIND, "sh", address, now.get("driver") ?? "", now.get("driver_override") ?? ""],
      ],
    },
  ];
}

/** Calls the rollback off; fails where it has begun already. To be run by a new connection. */
export function confirmBinding(address: string): Step {
  const timer = `${rollbackName(address)}.timer`;
  return {
    purpose: `confirm the binding of ${address}`,
    argv: ["sh", "-c", 'systemctl is-active --quiet "$1" && systemctl stop "$1"', "sh", timer],
  };
}

/** What is said where no new connection confirmed. */
export function bindingUnconfirmed(
  { address, driver, confirmWithin = DEFAULT_WITHIN }: Wanted,
  cause: Error,
  host: string,
): HostError {
  return new HostError({
    code: "binding-unconfirmed",
    property: "driver",
    problem: `no new connection to ${host} confirmed that it can be reached with ${driver} bound to ${address}`,
    observed: cause.message,
    expected: `one within ${confirmWithin}`,
    hint: "the machine puts the driver back by itself; see what else goes through this function",
    cause,
  });
}

/** @throws VerificationError `driver-not-bound` */
export function verifyBinding(
  { address, driver }: Wanted,
  observed: ObservedFunction | undefined,
  host: string,
): void {
  if (observed?.driver === driver && observed.driverOverride === driver) return;
  throw new VerificationError({
    code: "driver-not-bound",
    property: "driver",
    problem: `${address} of ${host} does not have the driver that was bound to it`,
    observed:
      observed === undefined
        ? "no such function any more"
        : `driver ${observed.driver ?? "none"}, driver_override ${observed.driverOverride ?? "none"}`,
    expected: driver,
    hint: `look there: dmesg | grep ${address}`,
  });
}

export function bindingUnit({ address, driver }: Wanted, physicalFunction: string | undefined): PciUnit {
  return {
    name: unitName("driver", address),
    description: `${driver} for ${address}`,
    after: physicalFunction === undefined ? [] : [unitName("vfs", physicalFunction)],
    waitsFor: `/sys/bus/pci/devices/${address}`,
    script: `modprobe ${driver}; set -- ${address} ${driver} ${driver}; ${BIND.replaceAll("\n", "; ")}`,
  };
}
