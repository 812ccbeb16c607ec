import { OvsDpdkBridge, TunedHost, VhostUserVnf } from "nfvlab/components";

const dut = new TunedHost("dut", {
  connection: { kind: "local" },
  cpus: { housekeeping: "0,4", isolated: "1-3,5-7" },
  hugepages: [{ size: "2MiB", count: 1024, numaNode: 1 }],
});

const bridge = new OvsDpdkBridge("br0", {
  host: dut,
  pmdCpus: "5",
  socketMemory: { 1: "512MiB" },
  vhostUserPorts: ["vhu0"],
  daemon: { restart: "allow", lcoreCpus: "4" },
});

new VhostUserVnf("vnf", {
  host: dut,
  vcpus: "5-6",
  emulatorCpus: "0,4",
  memory: "1GiB",
  pageSize: "2MiB",
  numaNode: 1,
  nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
});
