import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { renderDomain } from "../../sdk/plan/domain-xml.ts";
import { domainInputs } from "../plan/domain-arbitraries.ts";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** Three guests without a switch in user space: two on a bridge of the kernel's that share memory, one with a virtual function. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { libvirt } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const { vf, pin } = JSON.parse(process.env.TRIAL);
const image = new libvirt.BootImage("image", { host: dut, name: "trial-guest" });
const boot = { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs };
const common = { host: dut, boot, memory: "128MiB", numaNode: 1, emulatorCpus: "0", shutdownTimeout: "10s" };
const sharedMemory = { "trial-ring": { kind: "ivshmem-plain", size: "1MiB" } };
const bridged = { kind: "bridge", bridge: "trial-br" };

new libvirt.Domain("fast", {
  ...common, name: "trial-fast", pageSize: "2MiB", vcpuPins: [pin], sharedMemory,
  iothreadPins: ["0-1"], watchdog: { model: "i6300esb", action: "none" },
  nics: { east: { ...bridged, mac: "52:54:00:aa:00:01", address: "198.18.60.1/24", rxQueueSize: 512 } },
});
new libvirt.Domain("plain", {
  ...common, name: "trial-plain", pageSize: "4KiB", vcpuPins: ["1"], sharedMemory,
  nics: { east: { ...bridged, mac: "52:54:00:aa:00:02", address: "198.18.60.2/24", model: "e1000" } },
});
new libvirt.Domain("function", {
  ...common, name: "trial-function", pageSize: "4KiB", vcpuPins: ["2"],
  nics: { east: { kind: "sr-iov", vf, mac: "52:54:00:aa:00:03", address: "198.18.61.2/24" } },
});
`;

/** A bridge, one virtual function of the first card, and the second card with an address: a hub joins the two. */
const PREPARE = `set -eu
modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
ip link add trial-br type bridge
ip link set trial-br up
set -- $(for card in /sys/bus/pci/drivers/igb/*/net/*; do basename "$card"; done)
pages=/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
echo $(($(cat $pages) + 64)) > $pages
ip link set "$1" up
ip link set "$2" up
ip address add 198.18.61.1/24 dev "$2"
echo 0 > "/sys/class/net/$1/device/sriov_numvfs"
echo 1 > "/sys/class/net/$1/device/sriov_numvfs"
basename "$(readlink "/sys/class/net/$1/device/virtfn0")"`;

const RESTORE = `set -- $(for card in /sys/bus/pci/drivers/igb/*/net/*; do basename "$card"; done)
echo 0 > "/sys/class/net/$1/device/sriov_numvfs"
ip address del 198.18.61.1/24 dev "$2"
ip link set "$1" down
ip link set "$2" down
ip link del trial-br
pages=/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
echo $(($(cat $pages) - 64)) > $pages`;

const SNAPSHOT = `virsh -q list --all --name | grep trial-
ls /dev/shm /var/lib/nfvlab/images /sys/class/net 2>/dev/null | grep -e trial-br -e trial-ring -e trial-guest -e vnet
cat /sys/bus/pci/drivers/igb/*/sriov_numvfs
true`;

/** Definitions that nobody starts. */
export function describeDefinitions(server: () => TrialServer): void {
  it("are of libvirt's own schema, whatever is said about them", () => {
    const definitions = fc
      .sample(domainInputs, 20)
      .map((inputs) => renderDomain(inputs, { tag: "0badcafe", cpuFlags: new Set(["nonstop_tsc"]) }));
    const said = server().shell.run(
      `folder=$(mktemp -d); cd "$folder"
${definitions.map((xml, index) => `cat > ${index}.xml <<'DOMAIN'\n${xml}DOMAIN`).join("\n")}
xmllint --noout --relaxng /usr/share/libvirt/schemas/domain.rng *.xml 2>&1 | grep -v validates
cd /; rm -r "$folder"`,
    );
    expect(said).toBe("");
  });
}

/** Guests whose cards are on the kernel's bridge, on memory of both, and on a virtual function. */
export function describeGuests(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  let vf = "";
  let bare = "";
  const shell = (): Shell => server().shell;

  beforeAll(() => {
    project = new TrialProject("guests", program);
    bare = shell().run(SNAPSHOT);
    vf = shell().run(PREPARE).split("\n").at(-1) ?? "";
    before = shell().run(SNAPSHOT);
  });
  afterAll(() => {
    shell().run(`for guest in trial-fast trial-plain trial-function; do
        virsh -q destroy $guest; virsh -q undefine $guest
      done 2>/dev/null
      rm -rf /dev/shm/trial-ring /var/lib/nfvlab/images/trial-guest
      ${RESTORE}`);
    expect(shell().run(SNAPSHOT)).toBe(bare);
    project?.remove();
  });

  const run = (pin: string, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, TRIAL: JSON.stringify({ vf, pin }) });
  const up = (pin: string) => run(pin, "up", "--yes", "--skip-preview");
  const vcpu = (guest: string) =>
    shell().run(
      `pid=$(cat /run/libvirt/qemu/${guest}.pid); grep -l 'CPU 0/KVM' /proc/$pid/task/*/comm | while read -r comm; do sed -n "s/^Cpus_allowed_list:[[:space:]]*/$pid /p" "\${comm%comm}status"; done`,
    );

  /** Output of a program in a guest, through its agent. */
  const inside = (guest: string, script: string): string => {
    const ask = (command: object) =>
      (
        JSON.parse(shell().run(`virsh -q qemu-agent-command ${guest} '${JSON.stringify(command)}'`)) as {
          return: Exec;
        }
      ).return;
    const { pid } = ask({
      execute: "guest-exec",
      arguments: { path: "/bin/sh", arg: ["-c", script], "capture-output": true },
    });
    for (let tries = 0; tries < 30; tries++) {
      const status = ask({ execute: "guest-exec-status", arguments: { pid } });
      if (status.exited)
        return Buffer.from(status["out-data"] ?? "", "base64")
          .toString("utf8")
          .trim();
    }
    throw new Error(`${script} does not end in ${guest}`);
  };

  it("boot, with an emulated card, with vhost-net and with a virtual function", () => {
    const { code, said } = up("3");
    expect(code, said).toBe(0);
    expect(shell().run("virsh -q list --name | grep -c trial-")).toBe("3");
    expect(shell().run(`basename $(readlink /sys/bus/pci/devices/${vf}/driver)`)).toBe("vfio-pci");
    expect(shell().run("ls /sys/class/net/trial-br/brif | wc -l")).toBe("2");
    expect(shell().run("ps -eLo comm | grep -c '^vhost-'")).toBe("1");
  });

  it("reach each other, whatever their cards are", () => {
    expect(inside("trial-fast", "ping -c 3 -i 0.3 198.18.60.2")).toMatch(/ 0% packet loss/);
    expect(inside("trial-function", "ping -c 3 -i 0.3 198.18.61.1")).toMatch(/ 0% packet loss/);
  });

  it("see each other's bytes in the memory that they share", () => {
    const bar = `device=$(grep -l 0x1110 /sys/bus/pci/devices/*/device); device=\${device%/device}
echo 1 > $device/enable; address=$(sed -n 3p $device/resource | cut -d " " -f 1)`;
    inside("trial-fast", `${bar}; devmem $address 32 0x0BADCAFE`);
    expect(inside("trial-plain", `${bar}; devmem $address 32`)).toBe("0x0BADCAFE");
  });

  it("are pinned anew while they run, and read from their threads", () => {
    const [pid] = vcpu("trial-fast").split(" ");
    expect(vcpu("trial-fast")).toBe(`${pid} 3`);
    shell().run("virsh -q vcpupin trial-fast 0 1 --live");
    const seen = run("3", "refresh", "--yes", "--skip-preview", "--diff");
    expect(seen.said).toMatch(/\[0\]: "3" => "1"/);
    const moved = up("2");
    expect(moved.code, moved.said).toBe(0);
    expect(vcpu("trial-fast")).toBe(`${pid} 2`);
  });

  it("that die are found dead, and come back", () => {
    shell().run("kill -KILL $(cat /run/libvirt/qemu/trial-plain.pid)");
    const seen = run("2", "refresh", "--yes", "--skip-preview", "--diff");
    expect(seen.said).toMatch(/running\s*: true => false/);
    const back = up("2");
    expect(back.code, back.said).toBe(0);
    expect(inside("trial-fast", "ping -c 2 -i 0.3 198.18.60.2")).toMatch(/ 0% packet loss/);
  });

  it("leave nothing behind", () => {
    const { code, said } = run("2", "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(shell().run(SNAPSHOT)).toBe(before);
    expect(shell().run(`basename $(readlink /sys/bus/pci/devices/${vf}/driver)`)).toBe("igbvf");
  });
}

interface Exec {
  readonly pid: number;
  readonly exited: boolean;
  readonly "out-data"?: string;
}
