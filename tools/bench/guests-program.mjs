const cpu = 2;
const memoryKib = 64 * 1024;

/** A program's part that has a guest for each of these, defined and off, each at a socket of a switch; `host` is the one that its other part speaks of. */
export function guestsProgram(guests) {
  return `
import { libvirt } from "nfvlab";

for (const { name, number } of ${JSON.stringify(guests)}) {
  new libvirt.Domain(name, {
    host,
    name,
    start: false,
    memory: "${memoryKib / 1024}MiB",
    pageSize: "4KiB",
    numaNode: 0,
    vcpuPins: ["${cpu}"],
    emulatorCpus: "0",
    boot: { kind: "kernel", kernel: "/vmlinuz", initramfs: "/initrd.img" },
    nics: {
      east: {
        kind: "vhost-user",
        socketPath: \`/run/nfvlab-vhost/\${name}.sock\`,
        mac: \`52:54:00:00:00:\${number.toString(16).padStart(2, "0")}\`,
      },
    },
  });
}
`;
}

/** What a refresh looks at of each guest, as a question of its own. */
export function guestQuestions(guests) {
  return guests.map(({ name }) => ({
    name: `guest ${name}`,
    argv: ["virsh", "--readonly", "--quiet", "--connect", "qemu:///system", "dumpxml", name],
    isExpected: (xml) =>
      xml.includes(`<memory unit='KiB'>${memoryKib}</memory>`) &&
      xml.includes(`<vcpupin vcpu='0' cpuset='${cpu}'/>`) &&
      xml.includes(`/run/nfvlab-vhost/${name}.sock`),
  }));
}

/** Pins a guest's vCPU to another CPU, or where it belongs. */
export function pinGuest({ name }, to = cpu) {
  return `virsh --quiet --connect qemu:///system vcpupin ${name} 0 ${to} --config`;
}
