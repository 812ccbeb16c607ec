import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { strangersOn } from "../../sdk/plan/strangers.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

const task = (
  id: number,
  cpus: string,
  group = "/user.slice/user-0.slice/session-3.scope",
  process = id,
) => ({
  ...{ id, process, name: id === process ? "stress-ng" : "stress-ng-cpu", cpus: CpuSet.parse(cpus), group },
});

describe("strangers on leased CPUs", () => {
  it("are processes that are confined to them, with all their threads", () => {
    const tasks = [task(9, "2"), task(7, "3", undefined, 9), task(5, "2-3"), task(4, "1-2"), task(3, "0")];
    expect(strangersOn({ cpus: "2-3" }, tasks)).toEqual([
      "stress-ng (5) on CPUs 2-3",
      "stress-ng (9) on CPUs 2-3",
    ]);
    expect(strangersOn({}, tasks)).toEqual([]);
  });

  it.each([
    "/machine.slice/machine-qemu\\x2d1\\x2dvnf.scope/libvirt/emulator",
    "/machine/qemu-1-vnf.libvirt-qemu",
    "/lxc.payload.trial-vnf",
    "/system.slice/ovs-vswitchd.service",
    "/system.slice/nfvlab-forwarder-0badcafe-fwd.service",
  ])("are not what a lab runs in %s", (group) => {
    expect(strangersOn({ cpus: "2-3" }, [task(9, "2", group)])).toEqual([]);
  });

  it("are what another service is", () => {
    expect(strangersOn({ cpus: "2-3" }, [task(9, "2", "/system.slice/nginx.service")])).toHaveLength(1);
  });

  it("are within the lease, whatever runs", () => {
    const lists = fc.uniqueArray(fc.nat(15), { minLength: 1 }).map((cpus) => CpuSet.of(cpus).format());
    fc.assert(
      fc.property(lists, fc.array(lists), (leased, others) => {
        const tasks = others.map((cpus, index) => task(index + 1, cpus));
        const within = tasks.filter(({ cpus }) => cpus.isSubsetOf(CpuSet.parse(leased)));
        expect(strangersOn({ cpus: leased }, tasks)).toHaveLength(within.length);
      }),
    );
  });
});
