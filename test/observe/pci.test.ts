import { describe, expect, test } from "vitest";
import { functionUsers } from "../../sdk/observe/function-users.ts";
import { managementPath } from "../../sdk/observe/management-path.ts";
import { pciFunctions } from "../../sdk/observe/pci.ts";
import { pciUnits } from "../../sdk/observe/pci-units.ts";
import { virtualFunctionStates } from "../../sdk/observe/virtual-function-states.ts";
import { HostError } from "../../sdk/units/errors.ts";
import { recorded, said } from "./recorded.ts";

describe("admin states of virtual functions", () => {
  const states = virtualFunctionStates.parse(recorded("iproute2/6.15.0/link-virtual-functions.txt"));

  test("are in the words that set them", () => {
    expect(Object.fromEntries(states.get("ens2")?.get(0) ?? [])).toEqual({
      mac: "02:00:00:00:00:10",
      vlan: "100 qos 3 proto 802.1Q",
      spoofchk: "off",
      trust: "on",
      state: "auto",
      max_tx_rate: "0",
      min_tx_rate: "0",
    });
  });
  test("of a function just made, and of a card without any", () => {
    expect(states.get("ens2")?.get(1)?.get("vlan")).toBe("0 qos 0 proto 802.1Q");
    expect(states.get("ens2")?.size).toBe(2);
    expect(states.get("ens1")?.size).toBe(0);
  });
  test("are read of iproute2 before 5.3, which says mac, and of tags of the service provider", () => {
    const one = (info: object) =>
      virtualFunctionStates
        .parse(said(JSON.stringify([{ ifname: "p0", vfinfo_list: [{ vf: 3, ...info }] }])))
        .get("p0")
        ?.get(3);
    expect(one({ mac: "02:00:00:00:00:01", vlan: 7, qos: 1 })?.get("mac")).toBe("02:00:00:00:00:01");
    expect(one({ mac: "02:00:00:00:00:01", vlan: 7, qos: 1 })?.get("vlan")).toBe("7 qos 1 proto 802.1Q");
    expect(one({ vlan_list: [{ vlan: 7, protocol: "802.1ad" }] })?.get("vlan")).toBe("7 qos 0 proto 802.1ad");
    expect(one({ query_rss_en: true })?.get("query_rss")).toBe("on");
  });
  test("are no success where ip says something else", () => {
    expect(() => virtualFunctionStates.parse(said('Object "link" is unknown'))).toThrow(HostError);
  });
});

describe("what a machine depends on", () => {
  const path = managementPath.parse(recorded("machine/debian-13/management-path.txt"));

  test("are its session, its addresses, and what disks are behind", () => {
    expect(path.carried).toEqual([
      { name: "enp0s2", what: "the address 10.0.2.15/24" },
      ...path.carried.filter(({ name }) => name === "lxcbr0"),
      { name: "enp0s2", what: "the SSH session from 10.0.2.2" },
    ]);
    expect(path.stacks.find(({ name }) => name === "ens1")?.functions).toEqual([
      "0000:20:00.0",
      "0000:21:00.0",
    ]);
    expect(path.mounts).toEqual([{ target: "/", functions: ["0000:00:01.0"] }]);
  });
  test("are default routes, each way of one with several", () => {
    const text = [
      "@routes",
      '[{"dst":"default","nexthops":[{"dev":"p0"},{"dev":"p1"}]},{"dst":"default","dev":"p2"},{"dst":"10.0.0.0/8","dev":"p3"}]',
      "@interface p0 /sys/devices/pci0000:00/0000:00:03.0/net/p0",
      "@interface bond0 /sys/devices/virtual/net/bond0 p0 p1",
      "@mount /data base",
      "@below /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1",
      "@below /sys/devices/pci0000:40/0000:40:01.0/0000:41:00.0/nvme/nvme0",
    ].join("\n");
    const read = managementPath.parse(said(text));
    expect(read.carried.map(({ name }) => name)).toEqual(["p0", "p1", "p2"]);
    expect(read.stacks.at(-1)).toEqual({ name: "bond0", functions: [], lowers: ["p0", "p1"] });
    expect(read.mounts).toEqual([{ target: "/data base", functions: ["0000:40:01.0", "0000:41:00.0"] }]);
  });
  test("is no success where nothing answered", () => {
    expect(() => managementPath.parse({ code: 124, stdout: "@routes\n", stderr: "" })).toThrow(HostError);
  });
});

test("who holds functions: processes by IOMMU group, bridges by interface", () => {
  const { groups, uppers } = functionUsers.parse(
    said(
      "@group 11 ovs-vswitchd (812)\n@group 11 qemu (9)\n@group noiommu-3 testpmd (7)\n@upper ens1v0 br0\n",
    ),
  );
  expect([...groups]).toEqual([
    [11, ["ovs-vswitchd (812)", "qemu (9)"]],
    [3, ["testpmd (7)"]],
  ]);
  expect([...uppers]).toEqual([["ens1v0", "br0"]]);
});

test("PCI functions: what the kernel shows, and what may be written", () => {
  const at = (file: string) => `/sys/bus/pci/devices/0000:31:00.0/${file}`;
  const functions = pciFunctions({
    pciFiles: new Map([
      [at("class"), ["0x020000"]],
      [at("sriov_totalvfs"), ["7"]],
      [at("sriov_numvfs"), ["11"]],
      [at("net/ens2/address"), ["52:54:00:10:01:00"]],
      ["/sys/bus/pci/devices/0000:00:02.0/class", ["0x020000"]],
      ["/sys/bus/pci/devices/0000:00:02.0/virtio1/net/enp0s2/address", ["52:54:00:6e:66:76"]],
    ]),
    pciLinks: new Map([
      [at("driver"), "igb"],
      [at("iommu_group"), "8"],
    ]),
    pciSettings: new Map([
      [at("driver_override"), ["(null)"]],
      [at("sriov_drivers_autoprobe"), ["0"]],
      [at("net/ens2/flags"), ["0x1003"]],
      ["/sys/bus/pci/devices/0000:00:02.0/driver_override", ["vfio-pci"]],
    ]),
    virtualFunctionLinks: new Map(
      Array.from({ length: 11 }, (_, index) => [at(`virtfn${index}`), `0000:31:10.${index}`]),
    ),
  });
  expect(functions.get("0000:31:00.0")).toEqual({
    ...{ address: "0000:31:00.0", class: "0x020000", driver: "igb", iommuGroup: 8, interfaces: ["ens2"] },
    sriov: {
      ...{ total: 7, active: 11, autoprobe: false, link: { name: "ens2", up: true } },
      functions: Array.from({ length: 11 }, (_, index) => `0000:31:10.${index}`),
    },
  });
  expect(functions.get("0000:00:02.0")).toEqual({
    ...{ address: "0000:00:02.0", class: "0x020000", driverOverride: "vfio-pci", interfaces: ["enp0s2"] },
  });
});

test("services of ours: text, and whether they are enabled", () => {
  const [unit, wants] = ["/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"];
  const found = pciUnits.parse(
    said(
      [
        `${unit}/nfvlab-pci-vfs-0000-31-00.0.service:[Unit]`,
        `${unit}/nfvlab-pci-vfs-0000-31-00.0.service:Description=a: b`,
        `${unit}/nfvlab-pci-vf-0000-31-00.0-0.service:[Unit]`,
        `${wants}/nfvlab-pci-vfs-0000-31-00.0.service:[Unit]`,
      ].join("\n"),
    ),
  );
  expect([...found]).toEqual([
    ["nfvlab-pci-vfs-0000-31-00.0", { text: "[Unit]\nDescription=a: b\n", enabled: true }],
    ["nfvlab-pci-vf-0000-31-00.0-0", { text: "[Unit]\n", enabled: false }],
  ]);
});
