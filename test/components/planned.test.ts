import { describe, expect, it } from "vitest";
import { OvsDpdkBridge } from "../../components/ovs-dpdk-bridge.ts";
import { TunedHost } from "../../components/tuned-host.ts";
import { VhostUserVnf } from "../../components/vhost-user-vnf.ts";
import { planCpusHandler } from "../../sdk/provider/handlers/plan-cpus.ts";
import type { CpuDemand } from "../../sdk/schema/cpu-demand.ts";
import type { HostFacts } from "../../sdk/schema/facts.ts";
import { factsOf, twoSockets } from "../plan/cpu-planner-machines.ts";
import { named, register } from "./program.ts";
import { answers } from "./testbed.ts";

const demand: CpuDemand = {
  switch: { memory: { pageSize: "1GiB" } },
  vnfs: {
    l2fwd: {
      vcpus: 4,
      threadsPerCore: 2,
      memory: "4GiB",
      pageSize: "1GiB",
      numaNode: 1,
      nics: { east: { kind: "vhost-user" } },
    },
  },
};

describe("a testbed from a CPU plan", () => {
  it("takes the plan as it is: host, switch and guest agree, and no list is typed twice", async () => {
    const plan = await planCpusHandler.call(undefined as never, {
      facts: factsOf(twoSockets) as HostFacts,
      demand,
    });
    const guest = plan.vnfs["l2fwd"];
    if (plan.switch === undefined || guest === undefined) throw new Error("nothing was planned");
    const { pmdCpus, lcoreCpus, socketMemory } = plan.switch;
    const registered = await register(
      () => {
        const dut = new TunedHost("dut", {
          connection: { kind: "local" },
          cpus: plan,
          hugepages: plan.hugepages,
        });
        const bridge = new OvsDpdkBridge("br0", {
          host: dut,
          pmdCpus,
          socketMemory,
          daemon: { lcoreCpus },
          vhostUserPorts: ["vhu0"],
        });
        new VhostUserVnf("l2fwd", {
          host: dut,
          vcpus: guest.vcpuPins,
          emulatorCpus: guest.emulatorCpus,
          memory: "4GiB",
          pageSize: "1GiB",
          numaNode: 1,
          nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
        });
      },
      { answers },
    );
    const { housekeeping, isolated } = plan;
    expect(named(registered, "dut").outputs).toMatchObject({ cpus: { housekeeping, isolated } });
    expect(named(registered, "br0-daemon").inputs).toMatchObject({ pmdCpus, lcoreCpus, socketMemory });
    // Hyperthreads side by side: the order of the pins is the guest's, not that of their numbers.
    expect(guest.vcpuPins).not.toEqual([...guest.vcpuPins].sort((a, b) => Number(a) - Number(b)));
    expect(named(registered, "l2fwd-domain").inputs).toMatchObject({ vcpuPins: guest.vcpuPins });
  });
});
