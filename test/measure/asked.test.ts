import { expect, it } from "vitest";
import { askedOf } from "../../sdk/measure/asked.ts";

it("what was asked for is all of the inputs but machines, name, triggers and firmware", () => {
  const machine = { name: "dut", connection: { kind: "ssh", host: "dut.lab", privateKey: "secret" } };
  expect(
    askedOf({
      ...{
        host: machine,
        systemUnderTest: machine,
        name: "ndr",
        triggers: ["boot 1"],
        firmware: { iommu: true },
      },
      ...{ traffic: { host: machine, rate: 1000 }, frames: [64, "imix"], goals: { ndr: { loss: 0 } } },
      ...{ hugepages: false, atMost: undefined, limit: null, ways: [{ kind: "tap" }] },
    }),
  ).toEqual({
    ...{ "traffic.rate": "1000", frames: "64, imix", "goals.ndr.loss": "0", hugepages: "false" },
    ...{ limit: "null", "ways.0.kind": "tap" },
  });
});
