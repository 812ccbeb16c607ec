import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "../lab/trial-project.ts";

// The machine and the demands of the worked example, on the engine: what it says is compared with in the planner's own tests.
const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};
import { factsOf, twoSockets, workedDemand } from ${modulePath("test/plan/cpu-planner-machines.ts")};

const demand = { ...workedDemand, ...JSON.parse(process.env.MORE ?? "{}") };
const plan = host.planCpusOutput({ facts: pulumi.output(factsOf(twoSockets)), demand });
export const { isolated, interruptMask, bootArguments, explanation } = plan;
export const pmdMask = plan.apply((known) => known.switch?.pmdMask);
`;
let project: TrialProject;
beforeAll(() => {
  project = new TrialProject("planner", program);
});
afterAll(() => project.remove());

it("plans the CPUs of a program's demands", () => {
  const up = project.pulumi(["up", "--yes", "--skip-preview"]);
  expect(up.code, up.said).toBe(0);
  const outputs = JSON.parse(project.pulumi(["stack", "output", "--json"]).said);
  expect(outputs).toMatchObject({
    isolated: "1-9,21-29",
    interruptMask: "ff,c01ffc01",
    pmdMask: "0x30000300",
  });
  expect(outputs.bootArguments.join(" ")).toContain("1-9,21-29");
  expect(outputs.explanation).toContain("vnf1");
});

it("says all that is wrong with them at once", () => {
  const isolation = { isolatedCpus: "0-39" };
  const preview = project.pulumi(["preview"], { MORE: JSON.stringify({ isolation }) });
  expect(preview.code).not.toBe(0);
  expect(preview.said).toContain("CPU 0 must stay a housekeeping CPU");
  expect(preview.said).toContain("are isolated and housekeeping at once");
  expect(preview.said).toContain("VNF vnf1: emulator threads on isolated CPU 0,20");
});

it("gives a host its CPUs and huge pages before the program goes on", () => {
  const planned = new TrialProject(
    "planned",
    `
import { TunedHost } from ${modulePath("components/index.ts")};
import { host } from ${modulePath("sdk/index.ts")};
import { factsOf, twoSockets, workedDemand } from ${modulePath("test/plan/cpu-planner-machines.ts")};

const plan = await host.planCpus({ facts: factsOf(twoSockets), demand: workedDemand });
new TunedHost("dut", { connection: { kind: "local" }, cpus: plan, hugepages: plan.hugepages });
export const isolated = plan.isolated;
`,
  );
  try {
    const preview = planned.pulumi(["preview", "--diff"]);
    expect(preview.code, preview.said).toBe(0);
    expect(preview.said).toMatch(/\+ nfvlab:host:Hugepages: \(create\)[^+]*count\s*: \d+/);
    expect(preview.said).toMatch(/isolated: "1-9,21-29"/);
  } finally {
    planned.remove();
  }
});
