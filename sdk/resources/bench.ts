import { cyclictest, roundTrip } from "../schema/benchmarks.ts";
import { liveMigration } from "../schema/migration.ts";
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
 * Migrates a running guest to another machine and back, and measures each way: total time and downtime by QEMU, iterations and bytes by libvirt, and the outage that traffic through the guest
 * saw. The guest runs where it was afterwards, whatever became of a migration. Runs at create, and again when an input or a trigger changes; never on an unchanged `up`.
 *
 * @property addresses of the two machines on a private network; memory of the guest goes over it in clear, libvirt's control through an SSH tunnel
 * @property settings what QEMU is asked for: `downtimeLimit`, `connections` (multifd), `autoConverge`, `postCopy`, `compression`; refused where the guest's QEMU does not know it
 * @property traffic through the guest meanwhile; how much longer than usual a receiver waited for a frame at most is the outage
 * @property record metrics `guest.migration.total`, `.downtime`, `.outage`, `.setup`, `.iterations`, `.transferred`; not valid where a migration was cancelled, failed or did not converge
 * @throws InputError `migration-settings`; HostError `guest-not-running`, `migration-destination`, `migration-unsupported`, `migration-blocked`, `migration-not-home`; VerificationError `guest-twice`, `guest-nowhere`
 * @see https://libvirt.org/migration.html and https://www.qemu.org/docs/master/devel/migration/
 * @example
 * const peer = { name: "dut2", connection: { kind: "ssh" as const, host: "10.0.0.8", hostKey: "ssh-ed25519 AAAA…" } };
 * const run = new LiveMigration("vnf-migration", {
 *   host, name: "vnf-migration", domain: "vnf", destination: peer, addresses: { host: "198.18.100.1", destination: "198.18.100.2" },
 *   settings: { downtimeLimit: "10ms", connections: 4 }, repetitions: 10,
 * });
 * export const worstNs = run.record.apply(({ metrics }) => metrics.find(({ name }) => name === "guest.migration.downtime")?.max);
 */
export class LiveMigration extends resourceClass(liveMigration) {}
