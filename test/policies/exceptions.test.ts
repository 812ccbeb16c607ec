import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exclusiveCpus } from "../../policies/intent/exclusive-cpus.ts";
import { generatorApart } from "../../policies/intent/generator-apart.ts";
import { labPolicy } from "../../policies/lab-policy.ts";
import { judge, urnOf } from "../../policies/testing.ts";
import { real } from "./case.ts";
import { cases } from "./cases.ts";

const exception = (changes: object = {}) => ({
  exceptions: [
    { ...{ resource: "vnf1-domain", owner: "ada", reason: "old host", until: "2026-12-31" }, ...changes },
  ],
});
/** Finds fault with every guest, on a day of the test's. */
const faulty = (today: string) =>
  labPolicy(
    {
      ...{
        name: "no-guests",
        description: "No guests.",
        severity: "low",
        checks: [],
        remediationSteps: "None.",
      },
      notApplicable: () => undefined,
      judge: ({ resources }, { violation }) => {
        for (const { type, name, urn } of resources)
          if (type.endsWith(":Domain")) violation(`${name} is a guest.`, urn);
      },
    },
    () => new Date(today),
  );
const onDay = (today: string, config: object) => judge(faulty(today), real(), config);

describe("an exception", () => {
  it("makes a finding advice, with who answers for it, until its day is over", async () => {
    const said = "vnf1-domain is a guest. Excepted until 2026-12-31 by ada: old host";
    for (const today of ["2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"])
      expect(await onDay(today, exception())).toEqual({
        violations: [],
        advice: [said],
        about: ["vnf1-domain"],
      });
    expect((await onDay("2027-01-01T00:00:00Z", exception())).violations).toEqual([
      "vnf1-domain is a guest. The exception of ada ended on 2026-12-31.",
    ]);
  });

  it("names a resource by its URN, its name or a pattern of either", async () => {
    const covering = [
      urnOf({ type: "nfvlab:libvirt:Domain", name: "vnf1-domain" }),
      "vnf*",
      "*::vnf1-domain",
      "*",
    ];
    for (const resource of covering)
      expect((await onDay("2026-06-01", exception({ resource }))).violations).toEqual([]);
    for (const resource of ["vnf1", "domain", "vnf1.domain", "*-daemon"])
      expect((await onDay("2026-06-01", exception({ resource }))).violations).toEqual([
        "vnf1-domain is a guest.",
      ]);
  });

  it("counts by the one that holds, where several cover a finding", async () => {
    const [over, holding] = [exception({ until: "2026-01-01" }), exception()].map(
      ({ exceptions }) => exceptions,
    );
    const { violations } = await onDay("2026-06-01", { exceptions: [...(over ?? []), ...(holding ?? [])] });
    expect(violations).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["no list", { resource: "*" }, 'exceptions: observed {"resource":"*"}, expected a list'],
    ["no object", ["vnf"], 'exceptions[0]: observed "vnf", expected an object'],
    [
      "no owner",
      exception({ owner: undefined }).exceptions,
      "exceptions[0].owner: observed nothing, expected a text",
    ],
    [
      "an empty reason",
      exception({ reason: " " }).exceptions,
      'exceptions[0].reason: observed " ", expected a text',
    ],
    [
      "a month",
      exception({ until: "2026-12" }).exceptions,
      'exceptions[0].until: observed "2026-12", expected a day',
    ],
    [
      "no day of the calendar",
      exception({ until: "2026-02-31" }).exceptions,
      'observed "2026-02-31", expected a day',
    ],
    [
      "an unknown field",
      exception({ untill: "2026-12-31" }).exceptions,
      "exceptions[0].untill: expected resource",
    ],
  ])("that is malformed is refused, and excepts nothing: %s", async (_, exceptions, said) => {
    const { violations } = await onDay("2026-06-01", { exceptions });
    expect(violations).toHaveLength(2);
    expect(violations[0]).toContain(said);
    expect(violations[1]).toBe("vnf1-domain is a guest.");
  });

  it("is refused where nobody can answer for a finding", async () => {
    const { stack } = cases["exclusive-cpus"]?.violates ?? { stack: [] };
    const { violations } = await judge(exclusiveCpus, stack, exception());
    expect(violations).toHaveLength(2);
    expect(violations[0]).toBe(
      "exceptions: observed 1, expected none; nobody can answer for what this policy finds.",
    );
  });

  it("covers findings of every policy that allows it, by the clock of the machine", async () => {
    const { stack } = cases["generator-apart"]?.violates ?? { stack: [] };
    const { violations, advice } = await judge(
      generatorApart,
      stack,
      exception({ resource: "frames-*", until: "9999-12-31" }),
    );
    expect(violations).toEqual([]);
    expect(advice[0]).toContain("Excepted until 9999-12-31 by ada: old host");
  });

  it("changes what a finding is, never whether it is said", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          resource: fc.string({ minLength: 1 }),
          until: fc.date({ noInvalidDate: true, min: new Date("2020-01-01"), max: new Date("2030-01-01") }),
        }),
        async ({ resource, until }) => {
          const config = exception({ resource: `${resource}*`, until: until.toISOString().slice(0, 10) });
          const { violations, advice } = await onDay("2026-06-01", config);
          const said = [...violations, ...advice].filter((text) =>
            text.startsWith("vnf1-domain is a guest."),
          );
          expect(said).toHaveLength(1);
        },
      ),
    );
  });
});
