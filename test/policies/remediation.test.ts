import { describe, expect, it } from "vitest";
import { devicesBehindIommu } from "../../policies/intent/devices-behind-iommu.ts";
import { mitigationsOn } from "../../policies/intent/mitigations-on.ts";
import { oneTenantPerIommuGroup } from "../../policies/intent/one-tenant-per-iommu-group.ts";
import { realtimeGuestKeepsHouse } from "../../policies/intent/realtime-guest-keeps-house.ts";
import { realtimeGuestUndisturbed } from "../../policies/intent/realtime-guest-undisturbed.ts";
import { evidence, intent } from "../../policies/packs.ts";
import { type Case, type Declared, judge, remediated, unknown } from "../../policies/testing.ts";
import { on, type Props, real, realtime } from "./case.ts";

const policies = [...intent, ...evidence].filter(({ mending }) => mending !== undefined);

const boot = (props: Props) => on("host:BootArguments", "boot", { arguments: props, pending: [] });

/** Stacks that a policy refuses and mends, by its name. */
const mended: Readonly<Record<string, Case>> = {
  "realtime-guest-undisturbed": {
    stack: realtime({
      features: { pmu: true, hintDedicated: false },
      mergePages: true,
      locked: false,
      cpu: { migratable: true },
    }),
  },
  "realtime-guest-keeps-house": {
    stack: realtime({ realtimeVcpus: { vcpus: "0-2", priority: 1 } }),
  },
  "mitigations-on": { stack: real({}, boot({ mitigations: "off", iommu: "pt" })) },
  "devices-behind-iommu": {
    stack: real(
      {},
      on("pci:DriverBinding", "uplink", { address: "0000:05:00.1", driver: "igb_uio", iommuGroup: 4 }),
      on("host:ModuleParameters", "vfio", {
        module: "vfio",
        parameters: { enable_unsafe_noiommu_mode: true },
      }),
      boot({ extra: { "vfio.enable_unsafe_noiommu_mode": "1" } }),
    ),
  },
  "one-tenant-per-iommu-group": {
    stack: real({}, boot({ unlisted: { pcie_acs_override: "downstream" } })),
  },
};

describe("a policy that mends", () => {
  it("has a stack here that it mends", () => {
    expect(policies.map(({ name }) => name).sort()).toEqual(Object.keys(mended).sort());
  });

  it.each(policies.map((policy) => [policy.name, policy] as const))(
    "%s leaves nothing that it would refuse, and changes nothing the second time",
    async (name, policy) => {
      const { stack } = mended[name] as Case;
      expect((await judge(policy, stack)).violations).not.toEqual([]);
      const after = await remediated(policy, stack);
      expect((await judge(policy, after)).violations).toEqual([]);
      expect(await remediated(policy, after)).toEqual(after);
    },
  );

  it.each(policies.map((policy) => [policy.name, policy] as const))(
    "%s touches nothing of a stack that is right, nor what it can't know",
    async (name, policy) => {
      expect(await remediated(policy, realtime())).toEqual(realtime());
      const { stack } = mended[name] as Case;
      const blind = stack.map((each) => ({
        ...each,
        props: Object.fromEntries(Object.keys(each.props).map((key) => [key, unknown])),
      }));
      expect(await remediated(policy, blind)).toEqual(blind);
    },
  );

  it("leaves the rest of a resource as it is, what isn't known among it", async () => {
    const declared: Declared = on("pci:DriverBinding", "uplink", {
      address: unknown,
      driver: "uio_pci_generic",
    });
    const [after] = await remediated(devicesBehindIommu, [declared]);
    expect(after?.props).toEqual({ ...declared.props, driver: "vfio-pci" });
  });

  it("names the values that it sets", async () => {
    const propsOf = async (name: string, policy: (typeof policies)[number], resource: string) =>
      (await remediated(policy, (mended[name] as Case).stack)).find((each) => each.name === resource)?.props;
    expect(
      await propsOf("realtime-guest-undisturbed", realtimeGuestUndisturbed, "vnf1-domain"),
    ).toMatchObject({
      features: { pmu: false, hintDedicated: true },
      mergePages: false,
      locked: true,
      cpu: { migratable: false },
    });
    expect(await propsOf("realtime-guest-keeps-house", realtimeGuestKeepsHouse, "vnf1-domain")).toMatchObject(
      {
        realtimeVcpus: { vcpus: "1-2", priority: 1 },
      },
    );
    expect(await propsOf("mitigations-on", mitigationsOn, "boot")).toMatchObject({
      arguments: { iommu: "pt" },
    });
    expect(await propsOf("one-tenant-per-iommu-group", oneTenantPerIommuGroup, "boot")).toMatchObject({
      arguments: { unlisted: {} },
    });
  });

  it("leaves to the author what only he can tell", async () => {
    const only = realtime({ vcpuPins: ["1"], realtimeVcpus: { vcpus: "0", priority: 1 } });
    expect(await remediated(realtimeGuestKeepsHouse, only)).toEqual(only);
    expect((await judge(realtimeGuestKeepsHouse, only)).violations).toHaveLength(1);
    const ours = real({}, boot({ mitigations: "off" }));
    expect(await remediated(mitigationsOn, ours, { singleTenant: true })).toEqual(ours);
  });

  it("does so where it is asked to alone, and takes what the policy takes", () => {
    for (const { name, mending } of policies)
      expect(mending).toMatchObject({ name: `mend-${name}`, enforcementLevel: "disabled" });
    expect(mitigationsOn.mending?.configSchema?.properties).toHaveProperty("singleTenant");
  });
});
