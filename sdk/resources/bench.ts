import { cyclictest, roundTrip } from "../schema/benchmarks.ts";
import { backToBack, frameLoss, soak, throughput } from "../schema/throughput.ts";
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
 * @property generator `{ kind: "nfvlab", program, cpus }`, of which `program` is the `path` of a `nfvlab:traffic:Tool`
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
 * Throughput of a path for each frame size and goal, by MLRsearch or RFC 2544's bisection, and latency at shares of it. Trials run one after another in one program. Runs at create, and again
 * when an input or a trigger changes, or where it was interrupted; never on an unchanged `up`. Changes nothing on the machine; delete forgets the record.
 *
 * @property goals by name, each `{ loss }` and more; `{ ndr: { loss: 0 } }` by default
 * @property byFrame by frame size and goal: `throughputPps`, `lowerPps`, `upperPps`, and `kind`
 * @property ended `"interrupted"` where it was ended half-way: then there is no record, and the next `up` runs it again
 * @throws InputError `traffic-both`, `frames-twice`, `loads`, `trial-frames`, `goal`, `goal-method`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`,
 *   `trial-silent`, `interrupted`
 * @see RFC 2544 and https://datatracker.ietf.org/doc/draft-ietf-bmwg-mlrsearch/
 * @example
 * const run = new Throughput("ndr", {
 *   host, name: "ndr", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64, "imix"],
 *   goals: { ndr: { loss: 0 }, pdr: { loss: 0.005 } }, latency: { at: [10, 50, 90], duration: "30s" },
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 * export const ndr = run.byFrame.apply((byFrame) => byFrame["64"]?.["ndr"]);
 */
export class Throughput extends resourceClass(throughput) {}

/**
 * Loss by load for each frame size, from the highest load down until two loads in a row lose nothing. Runs at create, and again when an input or a trigger changes, or where it was interrupted.
 * Changes nothing on the machine; delete forgets the record.
 *
 * @property step distance of two loads, as a share of the highest: a tenth at most
 * @throws InputError `traffic-both`, `frames-twice`, `loads`, `trial-frames`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`, `trial-silent`, `interrupted`
 * @see RFC 2544, section 26.3
 * @example
 * new FrameLoss("loss", {
 *   host, name: "loss", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], step: 0.05,
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 */
export class FrameLoss extends resourceClass(frameLoss) {}

/**
 * The longest burst at the highest load that loses nothing, many times for each frame size, and the buffer that it tells of. Runs at create, and again when an input or a trigger changes, or
 * where it was interrupted. Changes nothing on the machine; delete forgets the record.
 *
 * @property throughput frames per second and direction by frame size, measured before
 * @throws InputError `traffic-both`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`, `bursts`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`,
 *   `traffic-failed`, `trial-silent`, `interrupted`
 * @see RFC 2544, section 26.4, and RFC 9004
 * @example
 * new BackToBack("bursts", {
 *   host, name: "bursts", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], throughput: { 64: 4_000_000 },
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 */
export class BackToBack extends resourceClass(backToBack) {}

/**
 * A load below the throughput for a long time, for each frame size: loss, latency, and whether what arrives stays as it was; a record of what changes on the way is not valid. Runs at create, and
 * again when an input or a trigger changes, or where it was interrupted. Changes nothing on the machine; delete forgets the record.
 *
 * @property throughput frames per second and direction by frame size, measured before; `percent` of it is sent
 * @throws InputError `traffic-both`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`, `soak-short`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`,
 *   `traffic-failed`, `trial-silent`, `interrupted`
 * @see https://datatracker.ietf.org/doc/draft-vpolak-bmwg-plrsearch/ for why an hour says more than a minute
 * @example
 * new Soak("soak", {
 *   host, name: "soak", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], throughput: { 64: 4_000_000 }, percent: 80, duration: "12h",
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 */
export class Soak extends resourceClass(soak) {}
