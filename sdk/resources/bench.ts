import { cyclictest, roundTrip } from "../schema/benchmarks.ts";
import { exchange } from "../schema/exchange.ts";
import { traffic } from "../schema/traffic.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * Timer wake-up latency by cyclictest, on CPUs of the machine or in a guest. Runs at create, and again when an input or a trigger changes; never on an
 * unchanged `up`. cyclictest holds /dev/cpu_dma_latency at 0 while it runs, so a host with deep C-states looks better than it is.
 *
 * @property subject `{ kind: "host", cpus }` or `{ kind: "guest", domain, cpus }`
 * @property coLoad `{ kind, cpus }`: load on other CPUs of the machine meanwhile, an instance of stress-ng pinned to each; seen in /proc/stat before it is measured, gone afterwards, and in the
 *   record with how busy it kept its CPUs
 * @property triggers values that make it run again, for instance the host's bootId
 * @throws InputError `cpu-unknown`, `co-load-measured`; HostError `systemd-missing`, `measurement-running`, `stress-ng-missing`, `co-load-disk`, `co-load-memory`
 * @see cyclictest(8)
 * @example
 * const run = new Cyclictest("dut-timers", { host, name: "timers", subject: { kind: "host", cpus: "2-3" }, duration: "10s" });
 * export const p99Ns = run.record.apply((record) => record.metrics[0]?.percentiles["99"]);
 * @example
 * new Cyclictest("dut-timers-loaded", {
 *   host, name: "timers-loaded", subject: { kind: "host", cpus: "2-3" }, coLoad: { kind: "memory", cpus: "0-1", memoryPercent: 30 },
 * });
 */
export class Cyclictest extends resourceClass(cyclictest) {}

/**
 * Round trip time of echoes sent on a fixed schedule from a guest to an address. Runs at create, and again when an input or a trigger changes.
 *
 * @property target the address that answers, for instance the bridge's
 * @see ping(8)
 * @example
 * const run = new RoundTrip("dut-rtt", { host, name: "rtt", domain: "vnf", target: "198.18.0.1" });
 */
export class RoundTrip extends resourceClass(roundTrip) {}

/**
 * Sends UDP frames at a fixed rate at one port and counts them at another. Runs at create, and again when an input or a trigger changes; never on an unchanged `up`.
 *
 * @property generator `{ kind: "nfvlab", program, cpus }`, of which `program` is the `path` of a `nfvlab:traffic:Tool`; or `{ kind: "pktgen", cpus }`, the kernel's own between interfaces of the kernel
 * @property from port that frames are sent at; `to` is where they are received, `from` itself where it is left out
 * @property count frames, or `duration` to send for
 * @property frames sent, received, lost, duplicated and reordered, by direction
 * @throws InputError `traffic-length`, `traffic-both`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`
 * @see RFC 2544, RFC 4737
 * @example
 * const run = new Traffic("p2p", {
 *   host, name: "p2p", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, rate: 2000, count: 20_000,
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 * export const lost = run.frames.apply(({ forward }) => forward.lost);
 */
export class Traffic extends resourceClass(traffic) {}

/**
 * Frames from one guest to another and back, by their interfaces or by memory that they share. The guests' boot images hold the exchange program, and their agents run it. Runs at create, and
 * again when an input or a trigger changes; never on an unchanged `up`.
 *
 * @property from guest that sends and times round trips; `to` answers
 * @property count frames, or `duration` to send for
 * @property frames sent, received and lost, there and back, each by the counts of both guests
 * @throws InputError `exchange-ends`, `exchange-length`, `exchange-idle`; HostError `exchange-failed`, `guest-agent`, `measurement-running`
 * @see https://www.qemu.org/docs/master/specs/ivshmem-spec.html
 * @example
 * const run = new Exchange("ring", {
 *   host, name: "ring", rate: 1000, count: 10_000, idle: "100us",
 *   from: { domain: "east", port: { kind: "memory", size: "4MiB" } },
 *   to: { domain: "west", port: { kind: "memory", size: "4MiB" } },
 * });
 * export const lost = run.frames.apply(({ forward }) => forward.lost);
 */
export class Exchange extends resourceClass(exchange) {}
