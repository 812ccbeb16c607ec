import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ATTACHMENT_KINDS,
  changesOfPlace,
  layersOf,
  lineOf,
  type PacketPath,
  type Segment,
} from "../../sdk/units/packet-path.ts";

const segment = fc.record<Segment>({
  down: fc.constantFrom(...ATTACHMENT_KINDS),
  carrier: fc.constantFrom("ovs-dpdk", "ovs-kernel", "linux-bridge", "xdp", "nic", "wire", "memory"),
  over: fc.constantFrom("br0", "eno1"),
  up: fc.constantFrom(...ATTACHMENT_KINDS),
});
const path = fc.array(segment, { maxLength: 5 }).map(
  (segments): PacketPath => ({
    segments,
    stations: Array.from({ length: segments.length + 1 }, (_, index) => ({
      ...{ name: `s${index}`, place: "guest", does: "forwards" },
    })),
  }),
);
const reversed = ({ stations, segments }: PacketPath): PacketPath => ({
  stations: [...stations].reverse(),
  segments: [...segments].reverse().map(({ down, up, ...same }) => ({ ...same, down: up, up: down })),
});

describe("a packet's path", () => {
  it("is the same layers in reverse on the way back", () => {
    fc.assert(
      fc.property(path, (way) => {
        expect(layersOf(reversed(way))).toEqual([...layersOf(way)].reverse());
        expect(changesOfPlace(reversed(way))).toBe(changesOfPlace(way));
      }),
    );
  });

  it("names each station and each carrier once, in their order", () => {
    fc.assert(
      fc.property(path, (way) => {
        const named = layersOf(way).flatMap(({ of }) => (of === "" ? [] : [of]));
        expect(named.join(" ─ ")).toBe(lineOf(way));
      }),
    );
  });

  it("goes through a guest by vhost-user without the kernel", () => {
    const pvp: PacketPath = {
      stations: [
        { name: "gen", place: "user space", does: "sends" },
        { name: "vnf", place: "guest", does: "forwards" },
        { name: "sink", place: "user space", does: "receives" },
      ],
      segments: [
        { down: "virtio-user", carrier: "ovs-dpdk", over: "br0", up: "vhost-user" },
        { down: "vhost-user", carrier: "ovs-dpdk", over: "br0", up: "virtio-user" },
      ],
    };
    expect(layersOf(pvp).map(({ place, name }) => `${place}: ${name}`)).toEqual([
      "user space: sends",
      "user space: virtio-user port",
      "shared memory: virtqueue",
      "user space: vhost-user port",
      "user space: poll-mode thread",
      "user space: vhost-user port",
      "shared memory: virtqueue",
      "guest: virtio-net driver",
      "guest: forwards",
      "guest: virtio-net driver",
      "shared memory: virtqueue",
      "user space: vhost-user port",
      "user space: poll-mode thread",
      "user space: vhost-user port",
      "shared memory: virtqueue",
      "user space: virtio-user port",
      "user space: receives",
    ]);
    expect(changesOfPlace(pvp)).toBe(8);
    expect(lineOf(pvp)).toBe("gen ─ br0 ─ vnf ─ br0 ─ sink");
  });

  it("is refused with a segment too few", () => {
    const stations = ["a", "b"].map((name) => ({ name, place: "guest", does: "sends" }) as const);
    expect(() => layersOf({ stations, segments: [] })).toThrow(
      /2 stations and 0 segments, expected 1 segments/,
    );
  });
});
