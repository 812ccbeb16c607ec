import { describe, expect, test } from "vitest";
import { eswitches, switchPorts } from "../../sdk/observe/devlink.ts";
import { planEswitch, representorsOf, requireEswitch, verifyEswitch } from "../../sdk/plan/eswitch.ts";
import { HostError, VerificationError } from "../../sdk/units/errors.ts";
import { recorded, said } from "../observe/recorded.ts";
import { refusalOf } from "./refusal.ts";

const PF = "0000:03:00.0";
const none = eswitches.parse(recorded("iproute2/6.15.0/devlink-eswitch.txt"));

describe("the switch inside a card", () => {
  test("is told by devlink as its manual has it", () => {
    const text = `@eswitch ${PF}\n{"dev":{"pci/${PF}":{"mode":"switchdev","inline-mode":"none","encap-mode":"basic"}}}\n`;
    expect(eswitches.parse(said(text)).get(PF)).toEqual({ mode: "switchdev", said: "" });
  });
  test("is missing from a card whose driver has none, with the kernel's words", () => {
    expect([...none.keys()]).toEqual(["0000:21:00.0", "0000:31:00.0"]);
    expect(none.get("0000:21:00.0")).toEqual({ said: "kernel answers: No such device" });
  });
  test("is set where it is in another mode", () => {
    expect(planEswitch(PF, "switchdev", "switchdev")).toEqual([]);
    expect(planEswitch(PF, "switchdev", "legacy").map(({ argv }) => argv.join(" "))).toEqual([
      `devlink dev eswitch set pci/${PF} mode switchdev`,
    ]);
  });
  test("has representors: ports of virtual functions on the switch of the card's own interface", () => {
    const port = (name: string, id: string, portName: string) =>
      `/sys/class/net/${name}/phys_switch_id:${id}\n/sys/class/net/${name}/phys_port_name:${portName}`;
    const ports = switchPorts.parse(
      said(
        [
          port("p0", "aa01", "p0"),
          port("eth10", "aa01", "pf0vf10"),
          port("eth2", "aa01", "c1pf0vf2"),
          port("eth3", "bb02", "pf0vf3"),
          port("sf0", "aa01", "pf0sf88"),
        ].join("\n"),
      ),
    );
    expect(representorsOf(["p0"], ports)).toEqual([
      { vf: 2, interface: "eth2", portName: "c1pf0vf2" },
      { vf: 10, interface: "eth10", portName: "pf0vf10" },
    ]);
    expect(representorsOf(["p1"], ports)).toEqual([]);
  });
  test("is refused with what devlink says", async () => {
    const refusals = [
      refusalOf(() => requireEswitch("0000:21:00.0", none.get("0000:21:00.0"), "dut"), HostError),
      refusalOf(() => requireEswitch(PF, undefined, "dut"), HostError),
      refusalOf(() => verifyEswitch(PF, "switchdev", "legacy", "dut"), VerificationError),
    ];
    await expect(`${refusals.join("\n")}\n`).toMatchFileSnapshot("../golden/pci/eswitch.txt");
  });
});
