import { CpuSet } from "../units/cpuset.ts";
import { InputError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";
import { MANAGEMENT_MAC } from "./recipe.ts";

/** What a server is to have. */
export interface MachineSpecification {
  readonly name: string;
  readonly numaNodes: readonly { readonly cpus: string; readonly memory: string }[];
  readonly igbCards: number;
  readonly bootArguments: readonly string[];
  /** Name of a wire to another server of the same stack. */
  readonly wire?: string | undefined;
}

/** A server's end of a wire: both ends know a TCP port of loopback, one listens there. */
export interface WireEnd {
  readonly port: number;
  readonly listens: boolean;
}

export interface MachineIdentity {
  readonly uuid: string;
  readonly sshPort: number;
  readonly wire?: WireEnd;
}

export type Accelerator = "kvm" | "tcg";

const BUSES_PER_BRIDGE = 16;

/** @throws InputError where CPUs are missing, doubled, or numbered with a gap */
export function checkMachine({ numaNodes }: Pick<MachineSpecification, "numaNodes">): void {
  const sets = numaNodes.map(({ cpus }) => CpuSet.parse(cpus));
  const all = CpuSet.of(sets.flatMap((set) => [...set]));
  const total = sets.reduce((sum, set) => sum + set.size, 0);
  const whole = CpuSet.of(Array.from({ length: all.size }, (_, cpu) => cpu));
  if (total !== all.size || !all.equals(whole)) {
    throw new InputError({
      code: "machine-cpus",
      property: "numaNodes",
      problem: "the CPUs of an emulated server are numbered 0 up, each on one node",
      observed: sets.map((set, node) => `node ${node}: ${set.format()}`).join("; "),
      expected: `${whole.format()} divided among the nodes`,
    });
  }
}

/**
 * QEMU's arguments for a server: everything in its own folder, SSH on loopback, the lab's NICs on a hub that leads nowhere else. Each igb stands behind
 * a host bridge of its own, which gives it a NUMA node as firmware would.
 */
export function machineArguments(
  specification: MachineSpecification,
  identity: MachineIdentity,
  accelerator: Accelerator,
): string[] {
  const { name, numaNodes, igbCards } = specification;
  const nodes = numaNodes.map(({ cpus, memory }) => ({
    cpus: CpuSet.parse(cpus),
    mib: exactly(memory, "MiB"),
  }));
  const cpus = nodes.reduce((sum, node) => sum + node.cpus.size, 0);
  const even = nodes.every((node) => node.cpus.size === cpus / nodes.length);
  const topology = even
    ? `sockets=${nodes.length},cores=${cpus / nodes.length},threads=1`
    : `sockets=1,cores=${cpus},threads=1`;
  return [
    ...[
      "-name",
      `nfvlab-${name},process=nfvlab-${name}`,
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
    ],
    ...(accelerator === "kvm" ? ["-accel", "kvm"] : ["-accel", "tcg,thread=multi"]),
    ...["-machine", `q35,kernel-irqchip=${accelerator === "kvm" ? "split" : "off"}`],
    ...[
      "-cpu",
      accelerator === "kvm" ? "host" : "max",
      "-smp",
      `${cpus},${topology}`,
      "-m",
      `${nodes.reduce((sum, { mib }) => sum + mib, 0)}`,
    ],
    ...nodes.flatMap(({ cpus: own, mib }, node) => [
      ...["-object", `memory-backend-ram,id=memory${node},size=${mib}M`],
      ...[
        "-numa",
        `node,nodeid=${node},memdev=memory${node}${[...ranges(own)].map((range) => `,cpus=${range}`).join("")}`,
      ],
    ]),
    // Without interrupt remapping VFIO refuses every device. Without x2APIC a CPU of an emulated machine was seen, one boot in twenty, to lose the end of
    // a timer interrupt and never to be interrupted again.
    ...["-device", "intel-iommu,intremap=on,eim=on,caching-mode=on"],
    ...[
      "-kernel",
      "boot.img",
      "-drive",
      "if=none,id=disk,file=overlay.qcow2,format=qcow2,cache=unsafe,discard=unmap",
    ],
    ...["-device", "virtio-blk-pci,drive=disk,bus=pcie.0"],
    ...["-netdev", `user,id=management,restrict=on,hostfwd=tcp:127.0.0.1:${identity.sshPort}-:22`],
    ...["-device", `virtio-net-pci,netdev=management,bus=pcie.0,mac=${MANAGEMENT_MAC},romfile=`],
    ...Array.from({ length: igbCards }, (_, card) => igb(card, card % nodes.length, identity.wire)).flat(),
    ...(identity.wire === undefined ? [] : wired(identity.wire)),
    ...["-fw_cfg", "name=opt/io.systemd.credentials/ssh.authorized_keys.root,file=authorized-keys"],
    ...["-fw_cfg", "name=opt/io.systemd.credentials/tmpfiles.extra,file=files"],
    ...["-smbios", `type=1,manufacturer=nfvlab,product=emulated server,serial=${name},uuid=${identity.uuid}`],
    ...["-object", "rng-builtin,id=entropy", "-device", "virtio-rng-pci,rng=entropy,bus=pcie.0"],
    ...["-qmp", "unix:qmp.sock,server=on,wait=off", "-serial", "file:serial.log", "-pidfile", "pid"],
  ];
}

/** The hub of the cards goes on in another server's. A stream loses nothing, and the end that connects does so again when the other was away. */
function wired({ port, listens }: WireEnd): string[] {
  const role = listens ? "server=on" : "server=off,reconnect-ms=500";
  return [
    ...["-netdev", `stream,id=wire,addr.type=inet,addr.host=127.0.0.1,addr.port=${port},${role}`],
    ...["-netdev", "hubport,id=wire-end,hubid=0,netdev=wire"],
  ];
}

/** Cards of two servers on a wire have addresses that differ: by the end of the wire that theirs is. */
function igb(card: number, numaNode: number, wire: WireEnd | undefined): string[] {
  const end = wire?.listens === false ? "01" : "00";
  const address = `52:54:00:10:${card.toString(16).padStart(2, "0")}:${end}`;
  return [
    ...["-netdev", `hubport,id=lab${card},hubid=0`],
    ...[
      "-device",
      `pxb-pcie,id=bridge${card},bus_nr=${32 + card * BUSES_PER_BRIDGE},numa_node=${numaNode},bus=pcie.0`,
    ],
    ...["-device", `pcie-root-port,id=port${card},bus=bridge${card},chassis=${card + 1},slot=${card + 1}`],
    ...["-device", `igb,netdev=lab${card},bus=port${card},mac=${address},romfile=`],
  ];
}

function ranges(set: CpuSet): string[] {
  return set.format().split(",");
}

/**
 * What an emulated kernel needs to come up on a busy machine: interrupts come late, and its check of the first timer takes that for a broken one and panics.
 * A panic boots again.
 */
const PATIENCE = ["no_timer_check", "panic=5"];

/** GRUB's own start: finds the disk by its label and hands the arguments over before the disk's menu is read. */
export function grubConfiguration({ name, bootArguments }: MachineSpecification, label: string): string {
  return [
    "serial --unit=0 --speed=115200",
    "terminal_output serial",
    `search --no-floppy --label ${label} --set=root`,
    `set nfvlab_arguments="${[`systemd.hostname=${name}`, ...PATIENCE, ...bootArguments].join(" ")}"`,
    "export nfvlab_arguments",
    "set prefix=($root)/boot/grub",
    "configfile ($root)/boot/grub/grub.cfg",
    "",
  ].join("\n");
}

export const GRUB_MODULES = [
  ...[
    "biosdisk",
    "ext2",
    "search",
    "search_label",
    "configfile",
    "linux",
    "normal",
    "loadenv",
    "serial",
    "terminal",
    "echo",
    "test",
    "regexp",
  ],
  // What a menu that grub-mkconfig makes asks for: its modules are not on the disk, and each one that is missing costs ten seconds of waiting.
  ...["minicmd", "halt", "reboot", "gzio", "all_video"],
];

/** Files that the server's systemd writes at boot, before sshd starts: its host key and its name. */
export function bootFiles(
  files: Readonly<Record<string, { readonly mode: string; readonly content: string }>>,
): string {
  return Object.entries(files)
    .map(
      ([path, { mode, content }]) =>
        `f+~ ${path} ${mode} root root - ${Buffer.from(content).toString("base64")}\n`,
    )
    .join("");
}
