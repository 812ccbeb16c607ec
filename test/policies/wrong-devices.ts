import { command, on, type Props, real } from "./case.ts";
import { added, changed, row, type WrongProgram } from "./wrong-program.ts";

const vhost = (socketPath: string, more: Props = {}) => ({ kind: "vhost-user", socketPath, ...more });
const socket = "/run/nfvlab-vhost/vhu0.sock";
const card = (groups: readonly number[]) =>
  on("pci:VirtualFunctions", "card", {
    ...{ pf: "0000:06:00.0", count: 2 },
    functions: groups.map((iommuGroup, index) => ({
      index,
      address: `0000:06:10.${index}`,
      iommuGroup,
      interface: null,
    })),
  });
const tenant = (index: number) =>
  on("libvirt:Domain", `tenant${index}-domain`, {
    ...{ name: `tenant${index}`, vcpuPins: [] },
    nics: { west: { kind: "sr-iov", vf: `0000:06:10.${index}`, mac: `52:54:00:00:00:0${index}` } },
  });
const tenants = [card([20, 21]), tenant(0), tenant(1)];
const cards = [{ address: "0000:05:00.0", numaNode: 0, iommuGroup: 3 }];
const onCards = { "dut-facts": { nics: cards } };
const vf = (props: Props) => on("pci:VirtualFunction", "vf0", { pf: "0000:06:00.0", vf: 0, ...props });
const sharing = (name: string) =>
  on("libvirt:Domain", `${name}-domain`, {
    name,
    vcpuPins: [],
    sharedMemory: { ring: { kind: "ivshmem-plain" } },
  });
const kept = {
  "dut-facts": {
    protectedFunctions: { "0000:05:00.1": ["carries the SSH session from 198.51.100.7 (eth0)"] },
  },
};

/** Mistakes about cards, sockets, the switch and what is run by hand. */
export const wrongDevices: readonly WrongProgram[] = [
  added(
    "a card on igb_uio",
    "devices-behind-iommu",
    "pci:DriverBinding",
    { address: "0000:05:00.1", driver: "igb_uio" },
    { address: "0000:05:00.1", driver: "vfio-pci", iommuGroup: 4 },
  ),
  row(
    "the card that the SSH session goes through, given to DPDK",
    "management-untouched",
    real(
      kept,
      on("pci:DriverBinding", "added", { address: "0000:05:00.1", driver: "vfio-pci", iommuGroup: 4 }),
    ),
    real(
      kept,
      on("pci:DriverBinding", "added", { address: "0000:05:00.2", driver: "vfio-pci", iommuGroup: 4 }),
    ),
  ),
  added(
    "VFIO without an IOMMU",
    "devices-behind-iommu",
    "host:ModuleParameters",
    { module: "vfio", parameters: { enable_unsafe_noiommu_mode: "Y" } },
    { module: "vfio", parameters: { enable_unsafe_noiommu_mode: "N" } },
  ),
  row(
    "a trusted function of a shared card",
    "trusted-function-alone",
    real(onCards, ...tenants, vf({ trust: true })),
    real(onCards, ...tenants, vf({ trust: false })),
  ),
  row(
    "a shared card without spoof checking",
    "shared-card-checked",
    real(onCards, ...tenants, vf({ spoofCheck: false })),
    real(onCards, ...tenants, vf({ spoofCheck: true })),
  ),
  row(
    "two tenants in one IOMMU group",
    "one-tenant-per-iommu-group",
    real(onCards, card([20, 20]), tenant(0), tenant(1)),
    real(onCards, ...tenants),
  ),
  added(
    "IOMMU groups that the kernel makes up",
    "one-tenant-per-iommu-group",
    "host:BootArguments",
    { arguments: { unlisted: { pcie_acs_override: "downstream" } }, pending: [] },
    { arguments: { iommu: "pt" }, pending: [] },
  ),
  changed("machine checks off", "mitigations-on", "dut-facts", { kernel: { arguments: "quiet mce=off" } }),
  added(
    "mitigations off where tenants meet",
    "mitigations-on",
    "host:BootArguments",
    { arguments: { mitigations: "off" }, pending: [] },
    { arguments: { mitigations: "auto" }, pending: [] },
  ),
  changed("a vhost-user guest in small pages", "vhost-user-on-hugepages", "vnf1-domain", {
    pageSize: "4KiB",
  }),
  changed("two clients on one vhost-user socket", "vhost-ends-meet", "vnf1-domain", {
    nics: { east: vhost(socket, { mode: "client" }) },
  }),
  added(
    "two guests on one vhost-user socket",
    "vhost-ends-meet",
    "libvirt:Domain",
    { name: "other", vcpuPins: [], nics: { east: vhost(socket) } },
    { name: "other", vcpuPins: [] },
  ),
  changed("a guest whose socket no port has", "vhost-ends-meet", "vnf1-domain", {
    nics: { east: vhost("/run/nfvlab-vhost/vhu1.sock") },
  }),
  row(
    "a vhost-user socket in /tmp",
    "vhost-sockets-private",
    real({
      "vnf1-domain": { nics: { east: vhost("/tmp/vhu0.sock") } },
      "br0-vhu0": { interface: { kind: "dpdkvhostuserclient", socketPath: "/tmp/vhu0.sock" } },
    }),
  ),
  added(
    "a port that serves its vhost-user socket",
    "no-vhost-server-ports",
    "ovs:Port",
    { bridge: "br0", name: "old", interface: { kind: "dpdkvhostuser" } },
    { bridge: "br0", name: "old", interface: { kind: "internal" } },
  ),
  changed("a receive queue pinned to a CPU that does not poll", "switch-options-agree", "br0-uplink", {
    interface: { kind: "dpdk", devargs: "0000:05:00.0", rxqAffinity: { 0: 7 } },
  }),
  changed("load balancing that has no effect", "switch-options-agree", "br0-daemon", {
    rxqAssign: "roundrobin",
    autoLoadBalance: true,
  }),
  row(
    "OVSDB open to the network",
    "no-open-listener",
    [command("ovs-vsctl set-manager ptcp:6640")],
    [command("ovs-vsctl set-manager punix:/run/db.sock")],
  ),
  row(
    "a guest's screen on all interfaces",
    "no-open-listener",
    [command("qemu-system-x86_64 -vnc :1")],
    [command("qemu-system-x86_64 -vnc none")],
  ),
  row(
    "QEMU's monitor on TCP",
    "no-open-listener",
    [command("qemu-system-x86_64 -qmp tcp:0.0.0.0:4444,server")],
    [command("qemu-system-x86_64 -qmp unix:/run/qmp.sock,server")],
  ),
  row(
    "a libvirt URI that checks no certificate",
    "no-open-listener",
    [command("virsh -c 'qemu+tls://h/system?no_verify=1' list")],
    [command("virsh -c qemu+ssh://h/system list")],
  ),
  row(
    "a password on a command line",
    "no-secret-in-text",
    [command("mount -t cifs //nas/lab /mnt -o username=lab,password=Hunter22")],
    [command("mount -t cifs //nas/lab /mnt -o credentials=/root/nas")],
  ),
  row(
    "a password in a URL",
    "no-secret-in-text",
    [command("curl http://admin:Hunter22@influx:8086/write")],
    [command('curl -H "Authorization: Token $TOKEN" http://influx:8086/write')],
  ),
  row(
    "shared memory between two tenants",
    "shared-memory-one-tenant",
    real({}, sharing("blue-1"), sharing("red-1")),
    real({}, sharing("blue-1"), sharing("blue-2")),
    {
      tenants: [{ name: "blue", guests: ["blue-*"] }],
    },
  ),
  changed("a guest for migration with a disk that stays", "migratable-guest", "vnf1-domain", {
    cpu: { migratable: true },
    disks: { vda: { path: "/var/lib/disk.qcow2" } },
  }),
];
