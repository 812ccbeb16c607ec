import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ObservedSwap, type SwapUnit, swapAreas } from "../../sdk/observe/swap.ts";
import {
  foundSwap,
  missingAreas,
  notBack,
  planKeepingOff,
  planLetting,
  planOff,
  planOn,
  planPriorities,
  requireOff,
  requireRoom,
  swapDropIns,
  swapStates,
} from "../../sdk/plan/swap.ts";
import { recorded } from "../observe/recorded.ts";

const GIB = 2 ** 30;
const OF_SWAP = "/etc/systemd/system/swap.d/90-nfvlab.conf";
const OF_SERVICE = "/etc/systemd/system/zramswap.service.d/90-nfvlab.conf";
const unit = (name: string, isActive = true): SwapUnit => ({ name, isActive, isEnabled: true, dropIns: [] });
const off: ObservedSwap = {
  ...{ systemd: 257, areas: [], units: [], dropIns: new Map<string, string>() },
  memory: { total: 4 * GIB, available: 3 * GIB, swapped: 0 },
};
const zram = { path: "/dev/zram0", unit: "dev-zram0.swap", priority: 100 };
const file = { path: "/var/swap file", unit: null, priority: -2 };
const on: ObservedSwap = {
  ...off,
  areas: [file, zram],
  units: [unit("dev-zram0.swap"), unit("zramswap.service")],
};
type Steps = readonly { readonly argv: readonly string[]; readonly stdin?: string }[];
const argvs = (steps: Steps) =>
  steps.map(({ argv }) => (argv[0] === "sh" ? ["sh", ...argv.slice(4)] : [...argv]));

/** The machine after what is to keep swap off was done there. */
function kept(before: ObservedSwap): ObservedSwap {
  const written = planKeepingOff(before).flatMap(({ argv, stdin }) =>
    stdin === undefined ? [] : [[argv[4] ?? "", stdin] as const],
  );
  const dropIns = new Map([...before.dropIns, ...written]);
  const readBy = ({ name }: SwapUnit) =>
    name.endsWith(".swap") ? OF_SWAP : `/etc/systemd/system/${name}.d/90-nfvlab.conf`;
  const units = before.units.map((each) => ({ ...each, isActive: false, dropIns: [readBy(each)] }));
  return { ...before, areas: [], units, dropIns };
}

describe("swap of a machine", () => {
  it("is read with its units, under the name that has a file, and with the room that memory has", () => {
    const read = swapAreas.parse(recorded("procfs/swap-on.txt"));
    expect(read).toMatchSnapshot();
    expect(swapStates(read)).toEqual({
      configured: ["root-swap\\x2dtrial.swap"],
      effective: ["/root/swap-trial", "/root/by hand"],
    });
    expect(swapStates(swapAreas.parse(recorded("procfs/swap-off.txt")))).toEqual({
      configured: [],
      effective: [],
    });
  });

  it("is kept from coming on before it goes off, and services that made it are stopped", () => {
    expect(foundSwap(on)).toEqual({ found: [file, zram], services: ["zramswap.service"] });
    expect(argvs(planKeepingOff(on))).toEqual([
      ["sh", OF_SWAP],
      ["sh", OF_SERVICE],
      ["systemctl", "daemon-reload"],
      ["systemctl", "stop", "--", "zramswap.service"],
    ]);
    expect(argvs(planOff(on))).toEqual([
      ["swapoff", "--", "/var/swap file"],
      ["swapoff", "--", "/dev/zram0"],
    ]);
  });

  it("comes back once its units may, those without a priority in the order that they had", () => {
    const state = { ...foundSwap(on), written: swapDropIns(on) };
    const now = kept(on);
    const { steps, changedByOthers } = planLetting(state, now);
    expect(changedByOthers).toEqual([]);
    expect(argvs(steps)).toEqual([
      ["sh", OF_SWAP],
      ["sh", OF_SERVICE],
      ["systemctl", "daemon-reload"],
      ["systemctl", "start", "--", "zramswap.service"],
    ]);
    expect(argvs(planOn(state, now))).toEqual([
      ["sh", "/dev/zram0", "dev-zram0.swap", "100"],
      ["sh", "/var/swap file", "", "-2"],
    ]);
    // The service has made it.
    expect(argvs(planOn(state, { areas: [zram] }))).toEqual([["sh", "/var/swap file", "", "-2"]]);
  });

  it("gets a priority back that was given by hand, where it was not on in the meantime", () => {
    const now = { areas: [{ ...zram, priority: 5 }, file] };
    expect(argvs(planPriorities(foundSwap(on), { areas: [] }, now))).toEqual([["sh", "/dev/zram0", "100"]]);
    expect(planPriorities(foundSwap(on), now, now)).toEqual([]);
    expect(planPriorities(foundSwap(on), { areas: [] }, on)).toEqual([]);
  });

  it("is let go again where an earlier delete ended half-way, and where somebody changed a drop-in", () => {
    const state = { ...foundSwap(on), written: swapDropIns(on) };
    const halfWay = { ...kept(on), dropIns: new Map<string, string>() };
    expect(argvs(planLetting(state, halfWay).steps)).toEqual([
      ["systemctl", "daemon-reload"],
      ["systemctl", "start", "--", "zramswap.service"],
    ]);
    const theirs = { ...kept(on), dropIns: new Map([[OF_SWAP, "[Unit]\n"]]) };
    expect(planLetting(state, theirs).changedByOthers).toEqual([OF_SWAP]);
    expect(notBack(missingAreas(state.found, [file]), "dut")).toBe(
      "swap that was on dut is not turned on again, since its device or its unit is gone, or the unit masked: /dev/zram0 (dev-zram0.swap)",
    );
  });

  it("is done once it is done, whatever units there are", () => {
    const name = fc.stringMatching(/^[a-z]{1,6}\.(swap|service)$/);
    const units = fc.uniqueArray(fc.record({ name, isActive: fc.boolean(), isEnabled: fc.boolean() }), {
      selector: (each) => each.name,
    });
    fc.assert(
      fc.property(units, (list) => {
        const before = { ...off, units: list.map((each) => ({ ...each, dropIns: [] })) };
        expect(swapStates(before).configured).not.toEqual([]);
        const done = kept(before);
        expect(planKeepingOff(done)).toEqual([]);
        expect(swapStates(done)).toEqual({ configured: [], effective: [] });
        // Every drop-in that was written is taken out again.
        const removed = argvs(planLetting({ services: [], written: swapDropIns(before) }, done).steps);
        expect(removed.slice(0, -1).map(([, path]) => path)).toEqual([...done.dropIns.keys()]);
      }),
    );
  });

  it("is refused where memory has no room for what is out, and where systemd is none or too old", () => {
    const memory = { total: 4 * GIB, available: GIB, swapped: 2 * GIB };
    expect(() => requireRoom({ ...on, memory }, "dut")).toThrowErrorMatchingInlineSnapshot(
      `[HostError: host: what is in swap on dut does not fit into its memory: observed 2048 MiB in swap, 1024 MiB of memory available, expected at most 819 MiB in swap; end what takes the memory, or make pools of huge pages smaller, and run it again]`,
    );
    expect(() => requireRoom({ ...on, memory: { ...memory, swapped: GIB / 2 } }, "dut")).not.toThrow();
    expect(() => requireRoom({ ...on, systemd: undefined }, "dut")).toThrowErrorMatchingInlineSnapshot(
      `[HostError: dut is not run by systemd, whose units turn its swap on: observed no /run/systemd/system; turn it off there by hand (swapoff --all, /etc/fstab), and leave this resource out]`,
    );
    expect(() => requireRoom({ ...on, systemd: 239 }, "dut")).toThrowErrorMatchingInlineSnapshot(
      `[HostError: host: systemd of dut reads no drop-ins that count for every unit of type swap: observed systemd 239, expected 244 or later; turn it off there by hand (swapoff --all, /etc/fstab), and leave this resource out]`,
    );
    expect(() => requireOff(swapStates(on), "dut")).toThrowErrorMatchingInlineSnapshot(
      `[VerificationError: effective: swap of dut is on again right after it was turned off: observed /var/swap file, /dev/zram0, expected none; find what turns it on: systemctl status of its unit, journalctl -b, cron]`,
    );
    expect(() =>
      requireOff({ configured: ["dev-sda2.swap"], effective: [] }, "dut"),
    ).toThrowErrorMatchingInlineSnapshot(
      `[VerificationError: configured: the next boot of dut would turn swap on, whatever was written: observed dev-sda2.swap, expected none; look at what systemd has read: systemctl cat of the unit]`,
    );
  });

  it("is turned off and on by scripts that a shell takes", () => {
    const state = { ...foundSwap(on), written: swapDropIns(on) };
    const done = kept(on);
    const again = planPriorities(state, done, { areas: [{ ...zram, priority: 5 }] });
    expect(again).toHaveLength(1);
    for (const { argv } of [...planLetting(state, done).steps, ...planOn(state, done), ...again])
      if (argv[0] === "sh") execFileSync("sh", ["-n"], { input: argv[2] });
  });
});
