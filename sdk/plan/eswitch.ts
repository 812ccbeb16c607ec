import type { ObservedEswitch, SwitchPorts } from "../observe/devlink.ts";
import type { Outputs } from "../schema/definition.ts";
import type { eswitchMode } from "../schema/pci.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";

/**
 * The mode that a card's switch is in.
 *
 * @throws HostError `eswitch-missing`, with what devlink says
 */
export function requireEswitch(pf: string, observed: ObservedEswitch | undefined, host: string): string {
  if (observed?.mode !== undefined) return observed.mode;
  throw new HostError({
    code: "eswitch-missing",
    property: "pf",
    problem: `${pf} of ${host} has no switch whose mode could be set`,
    observed: observed === undefined ? "no SR-IOV" : observed.said || "no mode",
    expected: "a card whose driver has an eswitch: mlx5_core, ice, bnxt_en, nfp, sfc",
    hint: "leave the resource out; virtual functions of other cards are switched by their embedded bridge (legacy)",
  });
}

/** What brings the switch into a mode; nothing where it is so. */
export function planEswitch(pf: string, mode: string, now: string): Step[] {
  if (mode === now) return [];
  return [
    {
      purpose: `set the switch of ${pf} to ${mode}`,
      argv: ["devlink", "dev", "eswitch", "set", `pci/${pf}`, "mode", mode],
      timeoutMs: 180_000,
    },
  ];
}

/** Interfaces that stand for virtual functions on the switch that the card's own interfaces belong to, by number. */
export function representorsOf(
  interfaces: readonly string[],
  ports: SwitchPorts,
): Outputs<typeof eswitchMode>["representors"] {
  const switchIds = new Set(interfaces.flatMap((name) => ports.get(name)?.switchId ?? []));
  return [...ports]
    .flatMap(([name, { switchId, portName }]) => {
      const vf = /^(?:c\d+)?pf\d+vf(\d+)$/.exec(portName)?.[1];
      return switchIds.has(switchId) && vf !== undefined
        ? [{ vf: Number(vf), interface: name, portName }]
        : [];
    })
    .sort((a, b) => a.vf - b.vf || (a.interface < b.interface ? -1 : 1));
}

/** @throws VerificationError `eswitch-not-taken` */
export function verifyEswitch(pf: string, mode: string, now: string, host: string): void {
  if (now === mode) return;
  throw new VerificationError({
    code: "eswitch-not-taken",
    property: "mode",
    problem: `the switch of ${pf} on ${host} is in another mode than it was told`,
    observed: now,
    expected: mode,
    hint: `look there: dmesg | grep ${pf}`,
  });
}
