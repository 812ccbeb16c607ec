import { describe, expect, it } from "vitest";
import { costsOf } from "../../sdk/cli/change-cost.ts";
import type { Difference, PreviewedResource } from "../../sdk/cli/preview.ts";
import { compare } from "../../sdk/provider/diff.ts";
import { formatPath } from "../../sdk/provider/wire.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";

type Properties = Readonly<Record<string, unknown>>;

interface Changed {
  readonly type: string;
  readonly before?: Properties;
  readonly after?: Properties;
  /** Outputs before. */
  readonly outputs?: Properties;
  /** Outputs as the provider would make them today. */
  readonly made?: Properties;
}

/** A change as the engine would tell it, with the differences that the provider finds. */
function previewed({ type, before, after, outputs = {}, made = {} }: Changed): PreviewedResource {
  const definition = resourceDefinitions.find(({ token }) => token === type);
  if (definition === undefined) throw new Error(`no such resource: ${type}`);
  const decoded = (value: Properties) => ({ value, unknown: [], secret: [] });
  const changes =
    before === undefined || after === undefined
      ? []
      : compare(definition, decoded(before), decoded(after), { ...before, ...outputs }, { made });
  const differences = changes.map(
    ({ path, kind, cost, input }): Difference => ({
      ...{ path: formatPath(path), kind, replaces: cost === "recreate", isInput: input },
    }),
  );
  const isReplaced = differences.some(({ replaces }) => replaces);
  return {
    ...{ urn: `urn:pulumi:rack::lab::${type}::thing`, type, parent: "", dependencies: {}, differences },
    action:
      before === undefined ? "create" : after === undefined ? "delete" : isReplaced ? "replace" : "update",
    ...(before !== undefined && { before: { id: "dut/thing", inputs: before, outputs } }),
    ...(after !== undefined && { after: { id: "", inputs: after, outputs: {} } }),
  };
}

const told = (changed: Changed) =>
  costsOf(previewed(changed), "dut").map(({ kind, property, what }) => [kind, property, what]);

describe("a switch", () => {
  const type = "nfvlab:ovs:Daemon";
  const daemon = { pmdCpus: "2", restart: "allow", socketMemory: { 1: "256MiB" } };

  it("restarts for options of its start, each named, and says so where that is refused", () => {
    const after = { ...daemon, lcoreCpus: "0", socketMemory: { 1: "1GiB" } };
    expect(told({ type, before: daemon, after })).toEqual([
      [
        "switch restart",
        'socketMemory["1"]',
        "ovs-vswitchd of dut restarts, and all its ports are interrupted",
      ],
      ["switch restart", "lcoreCpus", "ovs-vswitchd of dut restarts, and all its ports are interrupted"],
    ]);
    const [[, , refused] = []] = told({
      ...{ type, before: { pmdCpus: "2" }, after: { pmdCpus: "2", lcoreCpus: "0" } },
    });
    expect(refused).toContain("restart is deny, so that the change is refused then");
  });

  it("loses packets where its threads move, and nothing where a list is only written otherwise", () => {
    expect(told({ type, before: daemon, after: { ...daemon, pmdCpus: "3" } })).toEqual([
      ["switch threads", "pmdCpus", "poll-mode threads of dut are made anew: packets are lost meanwhile"],
    ]);
    const spelt = { ...daemon, pmdCpus: "2,3" };
    expect(told({ type, before: spelt, after: { ...daemon, pmdCpus: "2-3" } })).toEqual([]);
  });

  it("may restart as it is made and as it goes", () => {
    expect(told({ type, after: daemon })).toEqual([
      [
        "switch restart",
        "socketMemory",
        expect.stringContaining("where it does not run with these options yet"),
      ],
    ]);
    expect(told({ type, after: { pmdCpus: "2" } })[0]?.[1]).toBe("init");
    expect(told({ type, before: daemon })).toHaveLength(1);
    expect(told({ type, before: { pmdCpus: "2" } })).toEqual([]);
  });
});

describe("a machine", () => {
  it("reboots for a Reboot that is new or asked again, and for no other change of it", () => {
    const type = "nfvlab:host:Reboot";
    const before = { allow: true, triggers: [["a"]], reason: "x" };
    const what = "dut reboots where boot arguments or a kernel wait for it, and is away for minutes";
    expect(told({ type, after: before })).toEqual([["reboot", "", what]]);
    expect(told({ type, before, after: { ...before, triggers: [["b"]] } })).toEqual([
      ["reboot", "triggers[0][0]", what],
    ]);
    expect(told({ type, before, after: { ...before, reason: "y" } })).toEqual([]);
    expect(told({ type, before })).toEqual([]);
  });

  it("has boot arguments at its next boot, and reboots as they go where that is allowed", () => {
    const type = "nfvlab:host:BootArguments";
    const before = { name: "lab", arguments: { nohzFull: "2-3" } };
    expect(told({ type, before, after: { ...before, arguments: { nohzFull: "2-5" } } })).toEqual([
      ["next boot", "arguments.nohzFull", "counts from the next boot, which only a Reboot brings about"],
    ]);
    expect(told({ type, before })[0]?.[0]).toBe("next boot");
    expect(told({ type, before: { ...before, rebootOnDelete: "allow" } })[0]?.slice(0, 2)).toEqual([
      ...["reboot", "rebootOnDelete"],
    ]);
  });

  it("gets packages, each named, and loses what create brought", () => {
    const type = "nfvlab:host:Packages";
    const before = { name: "tools", packages: { "rt-tests": "any" } };
    expect(told({ type, after: before })).toEqual([
      ["package", "packages", "apt brings rt-tests (any) to dut, with what it needs, where it is missing"],
    ]);
    expect(told({ type, before, after: { ...before, packages: { "stress-ng": "any" } } })).toEqual([
      ["package", "packages.rt-tests", "what create brought for it is removed from dut"],
      ["package", "packages.stress-ng", "apt brings it to dut"],
    ]);
    expect(told({ type, before, outputs: { added: { "rt-tests": "2.8-1", libnuma1: "2" } } })).toHaveLength(
      2,
    );
  });

  it("has drivers taken from cards, with the card and the driver", () => {
    const binding = { address: "0000:5e:00.0", driver: "vfio-pci" };
    expect(told({ type: "nfvlab:pci:DriverBinding", after: binding })).toEqual([
      ["driver", "driver", "0000:5e:00.0 of dut is taken from the driver it has, and goes to vfio-pci"],
    ]);
    expect(
      told({
        type: "nfvlab:pci:DriverBinding",
        before: binding,
        outputs: { found: { driver: "igb" } },
      })[0]?.[2],
    ).toContain("goes back to igb");
    const functions = { pf: "0000:5e:00.0", count: 2 };
    expect(
      told({ type: "nfvlab:pci:VirtualFunctions", before: functions, after: { ...functions, count: 4 } }),
    ).toEqual([["driver", "count", "all virtual functions of 0000:5e:00.0 of dut go, and are made anew"]]);
  });
});

describe("a guest", () => {
  const type = "nfvlab:libvirt:Domain";
  const before = { name: "vnf", memory: "1GiB", vcpuPins: ["3"], emulatorCpus: "0" };

  it("is defined anew for what another XML needs, and for nothing else", () => {
    expect(told({ type, before, after: { ...before, memory: "2GiB", vcpuPins: ["4"] } })).toEqual([
      ["guest", "memory", "guest vnf is shut down, defined anew and started"],
    ]);
    expect(told({ type, before, after: { ...before, vcpuPins: ["4"] } })).toEqual([]);
    expect(told({ type, after: before })).toEqual([]);
    expect(told({ type, before })).toEqual([["guest", "", "guest vnf is shut down and undefined"]]);
  });

  it("is defined anew where what it boots is made anew, of which the engine tells no property", () => {
    const replaced = { ...previewed({ type, before, after: before }), action: "replace" as const };
    expect(replaced.differences).toEqual([]);
    expect(costsOf(replaced, "dut").map(({ kind, property, what }) => [kind, property, what])).toEqual([
      ["guest", "", "guest vnf is shut down, defined anew and started"],
    ]);
    const run = previewed({ type: "nfvlab:bench:Traffic", before: {}, after: {} });
    expect(costsOf({ ...run, action: "replace" }, "dut")).toMatchObject([{ what: "it is measured again" }]);
  });

  it("is started where it was found not to run", () => {
    expect(told({ type, before, after: before, outputs: { running: false } })).toEqual([
      ["guest", "running", "guest vnf is started, since it does not run"],
    ]);
  });
});

describe("a migration", () => {
  const type = "nfvlab:bench:LiveMigration";
  const run = { domain: "vnf", destination: { name: "dut2" }, triggers: ["a"] };
  const what = "guest vnf is migrated from dut to dut2 and back, and stands still each time";

  it("takes the guest along, the first time and each time that it is measured again", () => {
    expect(told({ type, after: run })).toEqual([["guest", "domain", what]]);
    expect(told({ type, before: run, after: { ...run, triggers: ["b"] } })).toEqual([
      ["measurement", "triggers[0]", "it is measured again"],
      ["guest", "domain", what],
    ]);
    expect(told({ type, before: run })).toEqual([]);
  });
});

describe("what is done for the sake of its outage", () => {
  const type = "nfvlab:bench:Outage";
  const run = { event: { kind: "switch-restart" }, triggers: ["a"] };
  const what = "ovs-vswitchd of dut restarts, and all its ports are interrupted";

  it("is told the first time and each time that it is measured again, and not where it goes", () => {
    expect(told({ type, after: run })).toEqual([["switch restart", "event", what]]);
    expect(told({ type, before: run, after: { ...run, triggers: ["b"] } })).toEqual([
      ["measurement", "triggers[0]", "it is measured again"],
      ["switch restart", "event", what],
    ]);
    expect(told({ type, before: run })).toEqual([]);
  });

  it("is a guest that is reset on the machine that forwards, or a port or flows that disturb nobody for long", () => {
    const reset = { kind: "guest-reset", domain: "vnf" };
    expect(told({ type, after: { event: reset, systemUnderTest: { name: "dut2" } } })).toEqual([
      ["guest", "event", "guest vnf of dut2 is reset, as by a loss of power"],
    ]);
    for (const kind of ["add-port", "add-flows"])
      expect(told({ type, after: { event: { kind, bridge: "br0" } } })).toEqual([]);
  });
});

describe("anything else", () => {
  it("is measured again, restarts or is made anew by what its fields say", () => {
    const run = { name: "run", triggers: ["a"] };
    expect(told({ type: "nfvlab:bench:RoundTrip", before: run, after: { ...run, triggers: ["b"] } })).toEqual(
      [["measurement", "triggers[0]", "it is measured again"]],
    );
    expect(told({ type: "nfvlab:ovs:Bridge", before: { name: "br0" }, after: { name: "br1" } })).toEqual([
      ["recreate", "name", "it is deleted and made anew"],
    ]);
    expect(told({ type: "nfvlab:ovs:Bridge", before: { name: "br0" } })).toEqual([]);
    const image = { type: "nfvlab:libvirt:BootImage", before: { name: "vnf" }, after: { name: "vnf" } };
    const kept = { present: true, recipe: "then" };
    expect(told({ ...image, outputs: kept, made: { recipe: "then" } })).toEqual([]);
    expect(told({ ...image, outputs: kept, made: { recipe: "now" } })).toEqual([
      [
        "recreate",
        "recipe",
        "nfvlab makes it otherwise than when it was made, so that it is deleted and made anew",
      ],
    ]);
  });

  it("that the fields of any resource call a restart or a reboot is told, and with its property", () => {
    // Each resource, changed in each top-level field that has a cost.
    const costly = resourceDefinitions.flatMap(({ token, inputs }) =>
      Object.entries(inputs.shape).flatMap(([name, field]) => {
        const { change } = (field as { meta(): { change?: string } | undefined }).meta() ?? {};
        return change === "restart" || change === "reboot" ? [{ token, name }] : [];
      }),
    );
    expect(costly.length).toBeGreaterThan(20);
    for (const { token, name } of costly) {
      const differences: Difference[] = [{ path: name, kind: "update", replaces: false, isInput: true }];
      const state = { id: "dut/x", inputs: { restart: "allow", [name]: "x" }, outputs: {} };
      const costs = costsOf(
        {
          ...{
            urn: `u::${token}::x`,
            type: token,
            parent: "",
            action: "update",
            dependencies: {},
            differences,
          },
          ...{ before: state, after: state },
        },
        "dut",
      );
      expect(
        costs.map(({ property }) => property),
        `${token} ${name}`,
      ).toContain(name);
    }
  });
});
