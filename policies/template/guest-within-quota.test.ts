import {
  blindSpotsOf,
  type Declared,
  faultsOf,
  judge,
  type PolicyCases,
  unknown,
} from "nfvlab/policies/testing";
import { expect, it } from "vitest";
import { guestWithinQuota } from "./guest-within-quota.ts";

const guest = (props: Declared["props"], name = "vnf-domain"): Declared => ({
  type: "nfvlab:libvirt:Domain",
  name,
  props: {
    host: { name: "shared-1", connection: { kind: "local" } },
    vcpuPins: ["2", "3"],
    memory: "4GiB",
    ...props,
  },
});

const cases: PolicyCases = {
  violates: { stack: [guest({ vcpuPins: ["2", "3", "4"], memory: "64GiB" })], config: { vcpus: 2 } },
  passes: { stack: [guest({})], config: { hosts: "shared-*", vcpus: 2, memory: "4GiB" } },
  notApplicable: { stack: [] },
  unknown: { stack: [guest({ memory: unknown })] },
};

it("refuses, passes, does not apply, and says what it can't judge yet", async () => {
  expect(await faultsOf(guestWithinQuota, cases)).toEqual([]);
});

it("is not blind to a value that a preview can't know", async () => {
  expect(await blindSpotsOf(guestWithinQuota, cases.violates)).toEqual([]);
});

it("says what was found, what is allowed and what to change", async () => {
  const { violations } = await judge(guestWithinQuota, cases.violates.stack, cases.violates.config);
  expect(violations).toEqual([
    "vnf-domain has 3 vCPUs (vcpuPins), expected 2 at most: take 1 out, or a host of your own.",
    'memory "64GiB" of vnf-domain is more than 32GiB, expected that at most: lower memory.',
  ]);
});

it("leaves other hosts alone", async () => {
  const { violations } = await judge(guestWithinQuota, cases.violates.stack, { hosts: "mine-*", vcpus: 2 });
  expect(violations).toEqual([]);
});
