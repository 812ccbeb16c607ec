/**
 * The packet memory of OVS-DPDK, as lib/netdev-dpdk.c asks DPDK for it.
 *
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/memory/
 */
const LARGEST_POOL = 262_144;
const SMALLEST_POOL = 16_384;
const BURST = 32;
const DPDK_LCORES = 128;
const HEADROOM = 128;
/** `struct dp_packet` with its mbuf, in whole cache lines: what the documented sizes leave beside buffer and headroom. */
const PACKET_HEADER = 832;
/** Ethernet header, CRC and two VLAN tags. */
const FRAME_OVERHEAD = 26;

/** Bytes of the buffer for packets of an MTU: the longest frame in whole KiB. */
function bufferBytes(mtu: number): number {
  return Math.ceil((mtu + FRAME_OVERHEAD) / 1024) * 1024;
}

/**
 * Bytes of one mbuf of a port.
 *
 * @example mbufBytes(1500); // 3008
 */
export function mbufBytes(mtu: number): number {
  return bufferBytes(mtu) + HEADROOM + PACKET_HEADER;
}

/**
 * Mbufs of a pool that ports share. OVS decides by the MTU that fits the rounded buffer, so the large pool starts at an MTU of 999, not at
 * the documented 1500. Where memory is short it halves the count in silence down to 16384.
 */
export function sharedMbufs(mtu: number): number {
  return bufferBytes(mtu) + HEADROOM - 18 >= 1500 ? LARGEST_POOL : SMALLEST_POOL;
}

/** What the memory of one port depends on. */
export interface PortQueues {
  readonly rxQueues: number;
  readonly rxDescriptors: number;
  readonly txQueues: number;
  readonly txDescriptors: number;
}

/**
 * Mbufs of a port with a pool of its own (per-port-memory).
 *
 * @example portMbufs({ rxQueues: 1, rxDescriptors: 2048, txQueues: 2, txDescriptors: 2048 }); // 22560, one PMD
 */
export function portMbufs({ rxQueues, rxDescriptors, txQueues, txDescriptors }: PortQueues): number {
  return (
    rxQueues * rxDescriptors +
    txQueues * txDescriptors +
    Math.min(DPDK_LCORES, rxQueues) * BURST +
    SMALLEST_POOL
  );
}

/** A port as far as packet memory goes. */
export interface PooledPort extends PortQueues {
  readonly name: string;
  readonly numaNode: number;
  readonly mtu: number;
}

/** A pool of mbufs on a node. */
export interface Mempool {
  readonly numaNode: number;
  /** Ports that take from it. */
  readonly ports: readonly string[];
  readonly mbufs: number;
  /** Bytes of one mbuf. */
  readonly mbufBytes: number;
}

/** The pools that the switch makes for its ports, by node and mbuf size. */
export function mempoolsOf(ports: readonly PooledPort[], model: "shared" | "per-port"): Mempool[] {
  const pools = new Map<string, Mempool>();
  for (const port of ports) {
    const { numaNode, mtu, name } = port;
    const size = mbufBytes(mtu);
    const key = model === "shared" ? `${numaNode}/${size}` : name;
    const mbufs = model === "shared" ? sharedMbufs(mtu) : portMbufs(port);
    pools.set(key, { numaNode, mbufs, mbufBytes: size, ports: [...(pools.get(key)?.ports ?? []), name] });
  }
  return [...pools.values()].sort((a, b) => a.numaNode - b.numaNode || a.mbufBytes - b.mbufBytes);
}

/**
 * Bytes that the switch should get on a node: its pools, a quarter more for what DPDK can't place without gaps, and 64 MiB for the EAL. The
 * quarter and the 64 MiB are values from practice, so a machine that has only the pools' bytes is advised, not refused.
 */
export function switchBytes(pools: readonly Mempool[]): {
  readonly needed: number;
  readonly advised: number;
} {
  const needed = pools.reduce((sum, { mbufs, mbufBytes: size }) => sum + mbufs * size, 0);
  return { needed, advised: needed === 0 ? 0 : Math.ceil(needed * 1.25) + 64 * 2 ** 20 };
}
