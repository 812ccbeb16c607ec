import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ObservedFunction } from "../../sdk/observe/pci.ts";
import {
  bindingNow,
  bindingUnit,
  checkBinding,
  confirmBinding,
  groupStrangers,
  planBinding,
  planRollback,
  requireBindable,
  verifyBinding,
} from "../../sdk/plan/driver-binding.ts";
import { givenAddresses, requireUnused, usersOf } from "../../sdk/plan/function-use.ts";
import { isPersisted, planUnit, removeUnit, unitText } from "../../sdk/plan/pci-unit.ts";
import { restorable } from "../../sdk/plan/restorable.ts";
import {
  adminStateRefused,
  adminStateUnit,
  observedProperties,
  placeOf,
  planAdminState,
  propertiesMeant,
  verifyAdminState,
  wantedTexts,
} from "../../sdk/plan/virtual-function.ts";
import {
  functionMap,
  isRemoving,
  meantBeside,
  physicalFunction,
  planVirtualFunctions,
  requireRoom,
  textsNow,
  textsWanted,
  verifyVirtualFunctions,
  virtualFunctionsUnit,
} from "../../sdk/plan/virtual-functions.ts";
import { HostError, InputError, VerificationError } from "../../sdk/units/errors.ts";
import { refusalOf } from "./refusal.ts";

const PF = "0000:5e:00.0";
const VF = "0000:5e:10.0";
const host = { name: "dut", connection: { kind: "local" as const } };

const card: ObservedFunction = {
  ...{ address: PF, class: "0x020000", driver: "ice", iommuGroup: 8, interfaces: ["p0"] },
  sriov: { total: 8, active: 2, autoprobe: true, functions: [VF, "0000:5e:10.1"] },
};
const virtual = (facts: Partial<ObservedFunction> = {}): ObservedFunction => ({
  ...{ address: VF, class: "0x020000", iommuGroup: 11, physicalFunction: PF, interfaces: [] },
  ...facts,
});
const machine = (...functions: ObservedFunction[]) =>
  new Map(functions.map((each) => [each.address, each] as const));
const physical = physicalFunction(PF, machine(card), "dut");

const words = { property: "pf", action: `change the virtual functions of ${PF}`, host: "dut" };
const nobody = { groups: new Map<number, string[]>(), uppers: new Map<string, string>() };

describe("numbers of virtual functions", () => {
  test("come with the card's own interface, where a driver has one", () => {
    const bare = { ...physical, driver: "vfio-pci" };
    expect(refusalOf(() => requireRoom({ pf: PF, count: 2, up: true }, bare, "dut"), HostError)).toContain(
      `up: ${PF} of dut has no network interface to set up: observed driver vfio-pci`,
    );
    const linked = { ...physical, sriov: { ...physical.sriov, link: { name: "p0", up: false } } };
    const wanted = { pf: PF, count: 2, up: true };
    requireRoom(wanted, linked, "dut");
    const wrong = refusalOf(() => verifyVirtualFunctions(wanted, linked.sriov, "dut"), VerificationError);
    expect(wrong).toMatch(
      /^up: .* has other virtual functions than it was told: observed sriov_numvfs 2, up 0/,
    );
  });

  test("keep the interfaces that they were made with, also those that a container has by now", () => {
    const driven = machine(card, virtual({ interfaces: ["p0v0"] }), virtual({ address: "0000:5e:10.1" }));
    const made = functionMap(physical, driven);
    expect(made.map(({ index, interface: name }) => [index, name])).toEqual([
      [0, "p0v0"],
      [1, null],
    ]);
    const moved = machine(card, virtual(), virtual({ address: "0000:5e:10.1", interfaces: ["p0v1"] }));
    expect(functionMap(physical, moved, made).map(({ interface: name }) => name)).toEqual(["p0v0", "p0v1"]);
    expect(functionMap(physical, moved).map(({ interface: name }) => name)).toEqual([null, "p0v1"]);
  });

  const writes = (target: Record<string, string>) =>
    planVirtualFunctions(PF, new Map(Object.entries(target)), physical.sriov).flatMap(({ argv, stdin }) =>
      argv[0] === "tee" ? [`${argv[1]?.split("/").at(-1)} ${stdin}`] : [],
    );

  test("change by way of 0, the driver's probing before those that it is for", () => {
    expect(writes({ sriov_numvfs: "4", sriov_drivers_autoprobe: "0" })).toEqual([
      "sriov_numvfs 0",
      "sriov_drivers_autoprobe 0",
      "sriov_numvfs 4",
    ]);
  });
  test("that are so need nothing", () => {
    expect(writes({ sriov_numvfs: "2", sriov_drivers_autoprobe: "1" })).toEqual([]);
    expect(writes({})).toEqual([]);
  });
  test("go to 0 in one write", () => expect(writes({ sriov_numvfs: "0" })).toEqual(["sriov_numvfs 0"]));

  test("are never changed from one other than 0 to another without 0 between, and end as wanted", () => {
    const flags = fc.record({
      active: fc.nat(8),
      autoprobe: fc.boolean(),
      count: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(
        flags,
        fc.option(fc.boolean(), { nil: undefined }),
        fc.option(fc.boolean(), { nil: undefined }),
        fc.boolean(),
        ({ active, autoprobe, count }, wanted, up, found) => {
          const kernel = { total: 8, active, autoprobe, link: { name: "p0", up: found }, functions: [] };
          const target = textsWanted({ pf: PF, count, driversAutoprobe: wanted, up });
          let [number, probing, linked] = [active, autoprobe, found];
          for (const { argv, stdin } of planVirtualFunctions(PF, target, kernel)) {
            if (argv[1]?.endsWith("numvfs")) {
              expect(number === 0 || stdin === "0").toBe(true);
              number = Number(stdin);
            } else if (argv[0] === "tee") {
              expect(number === 0 || number === count).toBe(true);
              probing = stdin === "1";
            } else if (argv[0] === "ip") {
              expect(argv.slice(0, -1)).toEqual(["ip", "link", "set", "dev", "p0"]);
              expect(number).toBe(count);
              linked = argv.at(-1) === "up";
            }
          }
          expect([number, probing, linked]).toEqual([count, wanted ?? autoprobe, up ?? found]);
          expect(isRemoving(target, kernel)).toBe(active > 0 && active !== count);
        },
      ),
    );
  });
  test("go back to what was found by the rule of undoing", () => {
    const found = new Map([["sriov_numvfs", "0"]]);
    const written = new Map([["sriov_numvfs", "2"]]);
    expect(restorable(found, written, textsNow({}, physical.sriov)).target).toEqual(found);
    const other = { ...physical.sriov, active: 5 };
    expect(restorable(found, written, textsNow({}, other)).changedByOthers).toEqual(["sriov_numvfs"]);
  });
});

describe("the admin state of a virtual function", () => {
  const place = placeOf({ pf: PF, vf: 0 }, physical, "dut");
  const now = new Map([
    ["mac", "00:00:00:00:00:00"],
    ["vlan", "0 qos 0 proto 802.1Q"],
    ["spoofchk", "on"],
    ["trust", "off"],
    ["state", "auto"],
    ["max_tx_rate", "0"],
    ["min_tx_rate", "0"],
  ]);
  const wanted = {
    mac: "02:00:00:00:00:10",
    vlan: { id: 100, qos: 3 },
    trust: true,
    maxTxRate: "1Gbit/s" as const,
    minTxRate: "10Mbit/s" as const,
  };

  test("is set by one command a property, both rates by one that waits for the link", () => {
    const steps = planAdminState(place, wantedTexts(wanted), now);
    expect(steps.at(-2)?.purpose).toBe("wait for the link of p0, which rates are of");
    const lines = steps.filter(({ argv: [file] }) => file === "ip").map(({ argv }) => argv.join(" "));
    expect(lines).toEqual([
      "ip link set dev p0 vf 0 mac 02:00:00:00:00:10",
      "ip link set dev p0 vf 0 vlan 100 qos 3 proto 802.1Q",
      "ip link set dev p0 vf 0 trust on",
      "ip link set dev p0 vf 0 max_tx_rate 1000 min_tx_rate 10",
    ]);
    expect(planAdminState(place, wantedTexts(wanted), wantedTexts(wanted))).toEqual([]);
  });
  test("is told in the user's spelling where it means the same, and as it is where it drifted", () => {
    const spelt = { ...wanted, vlan: { id: 100, qos: 3, protocol: "802.1Q" as const } };
    expect(observedProperties(spelt, wantedTexts(wanted))).toEqual(spelt);
    expect(observedProperties(wanted, now)).toEqual({
      ...{
        mac: "00:00:00:00:00:00",
        vlan: { id: 0 },
        trust: false,
        maxTxRate: "0Mbit/s",
        minTxRate: "0Mbit/s",
      },
    });
    // What a driver does not tell can't drift.
    expect(observedProperties({ queryRss: true }, now)).toEqual({ queryRss: true });
  });
  test("comes through its texts and back, whatever it is", () => {
    const state = fc.record(
      {
        mac: fc.constantFrom("02:00:00:00:00:10", "52:54:00:12:34:56"),
        vlan: fc.record({ id: fc.nat(4095), qos: fc.integer({ min: 1, max: 7 }) }),
        spoofCheck: fc.boolean(),
        trust: fc.boolean(),
        linkState: fc.constantFrom("auto" as const, "enable" as const, "disable" as const),
        maxTxRate: fc.nat(100_000).map((rate) => `${rate}Mbit/s` as const),
        queryRss: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(state, (given) => {
        const texts = wantedTexts(given);
        expect(observedProperties(given, texts)).toEqual(given);
        const unit = unitText(adminStateUnit({ host, pf: PF, vf: 0, ...given }));
        expect(propertiesMeant(unit, texts)).toEqual(given);
      }),
    );
  });
  test("is set at boot whatever of it a driver refuses, and the service fails for that", () => {
    const { script } = adminStateUnit({ host, pf: PF, vf: 0, ...wanted });
    // The waits and settling are udev's and the kernel's; the commands are ip's, here of one that refuses to trust.
    const ip = `ls() { echo p0; }; udevadm() { :; }; ip() { echo "$*"; [ "$*" != "link set dev p0 vf 0 trust on" ]; }`;
    const ran = spawnSync("sh", ["-c", `${ip}; cat() { echo 1; }; ${script}`], { encoding: "utf8" });
    expect(ran.status).toBe(1);
    expect(ran.stdout.trimEnd().split("\n")).toEqual(
      planAdminState(place, wantedTexts(wanted), now)
        .filter(({ argv: [file] }) => file === "ip")
        .map(({ argv }) => argv.slice(1).join(" ")),
    );
  });
  test("is imported as what differs from a function just made, where no service of ours tells", () => {
    expect(propertiesMeant(undefined, now)).toEqual({});
    expect(propertiesMeant(undefined, new Map([...now, ["trust", "on"]]))).toEqual({ trust: true });
  });
});

describe("a driver's binding", () => {
  const binding = { host, address: VF, driver: "vfio-pci" };

  test("needs nothing where it is so, and loads the driver where it is not", () => {
    const target = new Map(Object.entries({ driver: "vfio-pci", driver_override: "vfio-pci" }));
    expect(planBinding(VF, target, target)).toEqual([]);
    const purposes = planBinding(VF, target, bindingNow(virtual())).map(({ purpose }) => purpose);
    expect(purposes).toEqual(["load vfio-pci", `bind vfio-pci to ${VF}`]);
  });
  test("is undone by the machine itself, with what it had, unless that is called off", () => {
    const [step] = planRollback(
      { ...binding, confirmWithin: "30s" },
      bindingNow(virtual({ driver: "iavf" })),
    );
    expect(step?.argv.slice(0, 4)).toEqual([
      ...["systemd-run", "--quiet", "--collect", "--unit=nfvlab-rollback-0000-5e-10.0"],
    ]);
    expect(step?.argv).toContain("--on-active=30s");
    expect(step?.argv.slice(-3)).toEqual([VF, "iavf", ""]);
    expect(confirmBinding(VF).argv.at(-1)).toBe("nfvlab-rollback-0000-5e-10.0.timer");
    // systemd would put variables of its own in place of these.
    expect(step?.argv.some((word) => /\$\{|\$\$|%/.test(word))).toBe(false);
  });
  test("shares a group with bridges, with what is bound as well, and with what has no driver", () => {
    const other = (address: string, facts: Partial<ObservedFunction>) => virtual({ address, ...facts });
    const functions = machine(
      virtual(),
      other("0000:5d:00.0", { class: "0x060400", driver: "pcieport" }),
      other("0000:5e:10.1", {}),
      other("0000:5e:10.2", { driver: "vfio-pci" }),
      other("0000:5e:10.3", { driver: "iavf" }),
      other("0000:5e:10.4", { driver: "iavf", iommuGroup: 12 }),
    );
    const strangers = (companions: string[]) =>
      groupStrangers(virtual(), functions, companions).map(({ address }) => address);
    expect(strangers([])).toEqual(["0000:5e:10.3"]);
    expect(strangers(["0000:5e:10.3"])).toEqual([]);
  });
});

describe("who uses a function", () => {
  const source = (address: string) =>
    `<domain><devices><interface type='hostdev'><source><address type='pci' ${address}/></source><address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/></interface></devices></domain>`;
  const xml = source("domain='0x0000' bus='0x5e' slot='0x10' function='0x0'");

  test("is told by guests' definitions, their own addresses left out", () => {
    expect(givenAddresses(xml)).toEqual([VF]);
    expect(
      givenAddresses("<domain><source file='/x.img'/><address type='pci' bus='0x5e'/></domain>"),
    ).toEqual([]);
  });
  test("is a guest, a process with its group, a bridge, a container", () => {
    const facts = (observed: ObservedFunction, more: object = {}) => ({
      ...{ functions: machine(card, observed), users: nobody, domains: [] },
      ...more,
    });
    expect(usersOf(VF, facts(virtual()))).toEqual([]);
    expect(usersOf(VF, facts(virtual({ driver: "iavf", interfaces: ["p0v0"] })))).toEqual([]);
    expect(usersOf(VF, facts(virtual({ driver: "iavf" })))).toEqual([
      "its interface is in another network namespace",
    ]);
    const users = { groups: new Map([[11, ["qemu (9)"]]]), uppers: new Map([["p0v0", "br0"]]) };
    expect(usersOf(VF, facts(virtual({ driver: "vfio-pci" }), { users }))).toEqual([
      "qemu (9) has its VFIO group 11 open",
    ]);
    expect(usersOf(VF, facts(virtual({ driver: "iavf", interfaces: ["p0v0"] }), { users }))).toEqual([
      "its interface p0v0 belongs to br0",
    ]);
    const domains = [{ name: "vnf1", state: "running", xml }];
    expect(usersOf(VF, facts(virtual({ driver: "vfio-pci" }), { domains }))).toEqual([
      "the guest vnf1 (running) is given it",
    ]);
  });
});

describe("services that set it at boot", () => {
  const wanted = { pf: PF, count: 2, driversAutoprobe: false };

  test("hold nothing that systemd reads otherwise than sh", () => {
    const text = unitText(virtualFunctionsUnit(wanted));
    const [, line = ""] = /^ExecStart=\/bin\/sh -c '([^']*)'$/m.exec(text) ?? [];
    expect(line.replaceAll("$$", "")).not.toMatch(/[$%\\]/);
    expect(meantBeside(text)).toEqual({ driversAutoprobe: false });
    expect(meantBeside(unitText(virtualFunctionsUnit({ pf: PF, count: 2 })))).toEqual({});
    expect(meantBeside(unitText(virtualFunctionsUnit({ pf: PF, count: 2, up: true })))).toEqual({ up: true });
    expect(meantBeside(undefined)).toEqual({});
    expect(unitText(bindingUnit({ host, address: VF, driver: "vfio-pci" }, PF))).toContain(
      "After=systemd-udev-trigger.service systemd-modules-load.service nfvlab-pci-vfs-0000-5e-00.0.service",
    );
  });
  test("are written once, and go", () => {
    const unit = virtualFunctionsUnit(wanted);
    const found = { text: unitText(unit), enabled: true };
    expect(isPersisted(unit, found)).toBe(true);
    expect(planUnit(unit, found)).toEqual([]);
    for (const other of [undefined, { ...found, enabled: false }, { ...found, text: "" }]) {
      expect(isPersisted(unit, other)).toBe(false);
      expect(planUnit(unit, other).at(-1)?.argv).toEqual(["systemctl", "enable", `${unit.name}.service`]);
    }
    expect(removeUnit(unit.name, undefined)).toEqual([]);
    expect(removeUnit(unit.name, found).map(({ argv }) => argv[0])).toEqual(["systemctl", "rm", "systemctl"]);
  });
});

test("what is refused says why, and what to do", async () => {
  const vfio = { host, address: VF, driver: "vfio-pci" };
  const bindable = (functions: ReturnType<typeof machine>, unsafe = false) =>
    refusalOf(() => requireBindable(vfio, { functions, unsafe }, "dut"), HostError);
  const bound = virtual({ driver: "vfio-pci" });
  const place = placeOf({ pf: PF, vf: 0 }, physical, "dut");
  const trust = planAdminState(place, new Map([["trust", "on"]]), new Map())[0];
  const refusals = [
    refusalOf(() => physicalFunction("0000:99:00.0", machine(card), "dut"), HostError),
    refusalOf(() => physicalFunction(VF, machine(card, virtual()), "dut"), HostError),
    refusalOf(() => requireRoom({ pf: PF, count: 9 }, physical, "dut"), HostError),
    refusalOf(() => verifyVirtualFunctions({ pf: PF, count: 4 }, physical.sriov, "dut"), VerificationError),
    refusalOf(() => placeOf({ pf: PF, vf: 2 }, physical, "dut"), HostError),
    refusalOf(
      () => placeOf({ pf: PF, vf: 0 }, { ...physical, driver: "vfio-pci", interfaces: [] }, "dut"),
      HostError,
    ),
    adminStateRefused(trust!, "RTNETLINK answers: Operation not supported\n", "igb", "dut").message,
    refusalOf(
      () => verifyAdminState(new Map([["trust", "on"]]), new Map([["trust", "off"]]), place, "dut"),
      VerificationError,
    ),
    refusalOf(() => checkBinding({ ...vfio, driver: "igb_uio" }), InputError),
    refusalOf(() => checkBinding({ ...vfio, confirmWithin: "2s" }), InputError),
    bindable(machine({ ...card, driver: "mlx5_core" }, virtual())),
    bindable(machine(card, virtual()), true),
    bindable(machine(card, { address: VF, class: "0x020000", interfaces: [] })),
    bindable(machine(card, virtual(), virtual({ address: "0000:5e:10.1", driver: "iavf" }))),
    refusalOf(() => verifyBinding(vfio, virtual({ driver: "iavf" }), "dut"), VerificationError),
    refusalOf(
      () =>
        requireUnused(
          [VF],
          {
            functions: machine(card, bound),
            users: { ...nobody, groups: new Map([[11, ["ovs-vswitchd (812)"]]]) },
            domains: [],
          },
          words,
        ),
      HostError,
    ),
  ];
  await expect(`${refusals.join("\n")}\n`).toMatchFileSnapshot("../golden/pci/refusals.txt");
});
