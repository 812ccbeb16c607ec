import { CpuSet } from "./cpuset.ts";
import { exactDuration } from "./duration.ts";
import { exactly } from "./size.ts";

interface Queues {
  readonly queues?: number | undefined;
}

/** A port of DPDK's, by what makes it. */
export type DpdkPort =
  | (Queues & {
      readonly kind: "virtio-user";
      readonly socketPath: string;
      readonly server?: boolean | undefined;
      readonly mac?: string | undefined;
    })
  | { readonly kind: "af_packet" | "tap"; readonly interface: string }
  | (Queues & {
      readonly kind: "af_xdp";
      readonly interface: string;
      readonly startQueue?: number | undefined;
    })
  | {
      readonly kind: "memif";
      readonly socketPath: string;
      readonly id?: number | undefined;
      readonly role?: "server" | "client" | undefined;
    }
  | (Queues & { readonly kind: "pci"; readonly address: string })
  | { readonly kind: "ring" | "null" };

/** A port as a program of DPDK's is told of it. */
export interface RenderedPort {
  /** Name that DPDK knows it by. */
  readonly name: string;
  readonly queues: number;
  /** The arguments of EAL that make it. */
  readonly arguments: readonly string[];
}

/** Packets that each virtqueue holds; the switch's end takes what it is given. */
const VIRTIO_QUEUE_SIZE = 1024;

/**
 * A port in EAL's arguments.
 *
 * @param index place among the ports of its program, which numbers its virtual devices
 */
export function renderPort(port: DpdkPort, index: number): RenderedPort {
  const device = (driver: string, parameters: readonly string[] = [], queues = 1): RenderedPort => {
    const name = `${driver}${index}`;
    return { name, queues, arguments: [`--vdev=${[name, ...parameters].join(",")}`] };
  };
  switch (port.kind) {
    case "virtio-user": {
      const { socketPath, server = true, queues = 1, mac } = port;
      return device(
        "net_virtio_user",
        [
          `path=${socketPath}`,
          `queues=${queues}`,
          `queue_size=${VIRTIO_QUEUE_SIZE}`,
          ...(server ? ["server=1"] : []),
          ...(mac === undefined ? [] : [`mac=${mac}`]),
        ],
        queues,
      );
    }
    case "af_packet":
      return device("net_af_packet", [`iface=${port.interface}`]);
    case "af_xdp": {
      const { startQueue = 0, queues = 1 } = port;
      return device(
        "net_af_xdp",
        [`iface=${port.interface}`, `start_queue=${startQueue}`, `queue_count=${queues}`],
        queues,
      );
    }
    case "memif":
      return device("net_memif", [
        `role=${port.role ?? "client"}`,
        `id=${port.id ?? 0}`,
        `socket=${port.socketPath}`,
        // DPDK's default is an abstract socket, which has no path.
        "socket-abstract=no",
      ]);
    case "tap":
      return device("net_tap", [`iface=${port.interface}`]);
    case "ring":
      return device("net_ring");
    case "null":
      return device("net_null");
    case "pci":
      return { name: port.address, queues: port.queues ?? 1, arguments: [`--allow=${port.address}`] };
  }
}

export interface Placement {
  readonly cpus: string;
  readonly memory?: string | undefined;
  readonly hugepages?: boolean | undefined;
  readonly idle?: string | undefined;
}

/** EAL's arguments of a program with these ports: no other device, no file left behind, memory as given. */
export function ealArguments(
  { cpus, memory = "64MiB", hugepages = true }: Placement,
  ports: readonly RenderedPort[],
): string[] {
  const devices = ports.flatMap((port) => port.arguments);
  return [
    ...["-l", CpuSet.parse(cpus).format()],
    // One file for all memory, since vhost-user passes on eight at most.
    ...(hugepages ? ["--in-memory", "--single-file-segments"] : ["--no-huge", "--no-shconf"]),
    "--no-telemetry",
    ...["-m", `${exactly(memory, "MiB")}`],
    // Without this DPDK takes whatever card is bound to it.
    ...(devices.some((argument) => argument.startsWith("--allow=")) ? [] : ["--no-pci"]),
    ...devices,
  ];
}

/** The program's own arguments for its ports and its manner of waiting. */
export function portArguments({ idle = "0us" }: Placement, ports: readonly RenderedPort[]): string[] {
  return [
    ...ports.map(({ name, queues }) => `--port=${name}${queues === 1 ? "" : `,${queues}`}`),
    ...(exactDuration(idle, "us") === 0 ? [] : [`--idle-us=${exactDuration(idle, "us")}`]),
  ];
}

/** What a forwarder does with frames. */
export interface Forwarding extends Placement {
  readonly ports: readonly DpdkPort[];
  readonly mode?: string | undefined;
  readonly peers?: readonly string[] | undefined;
}

/**
 * The arguments of the traffic program as a forwarder.
 *
 * @param status file that it tells its counters in; none where nobody reads it
 */
export function forwarderArguments(forwarding: Forwarding, status?: string): string[] {
  const ports = forwarding.ports.map(renderPort);
  return [
    ...ealArguments(forwarding, ports),
    "--",
    ...["--role=forward", `--mode=${forwarding.mode ?? "io"}`],
    ...(status === undefined ? [] : [`--status=${status}`]),
    ...portArguments(forwarding, ports),
    ...(forwarding.peers ?? []).map((peer) => `--peer=${peer}`),
  ];
}

/** Sockets that these ports make, and that are in the way where a program that was killed has left them. */
export function ownSockets(ports: readonly DpdkPort[]): string[] {
  return ports.flatMap((port) =>
    (port.kind === "virtio-user" && port.server !== false) ||
    (port.kind === "memif" && port.role === "server")
      ? [port.socketPath]
      : [],
  );
}
