import { cyclictest, roundTrip } from "../schema/benchmarks.ts";
import { density } from "../schema/density.ts";
import { exchange } from "../schema/exchange.ts";
import { bootTime, exitCost, exitRate, hwlatdetect, oslat, rtla } from "../schema/latency.ts";
import { liveMigration } from "../schema/migration.ts";
import { outage } from "../schema/outage.ts";
import {
  backToBack,
  criticalLoad,
  flowSetup,
  frameLoss,
  soak,
  systemRecovery,
  throughput,
} from "../schema/throughput.ts";
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
 * How long a polling thread is kept from polling, by oslat, on CPUs of the machine or in a guest: what a poll-mode driver loses, without any timer. Runs at create, and again when an
 * input or a trigger changes. Its threads take their CPUs whole for as long as it runs.
 *
 * Its metric is `host.polling.gap` or `guest.polling.gap`, a sample each turn of the loop. A gap counts under the upper end of its bucket, with rt-tests 2.6 (Debian 13) under that of the next one.
 *
 * @property subject `{ kind: "host", cpus }` or `{ kind: "guest", domain, cpus }`; a guest's image needs oslat (`programs` of BootImage)
 * @property priority of SCHED_FIFO; where real-time throttling is on, it is refused
 * @property coLoad `{ kind, cpus }`: load on other CPUs of the machine meanwhile
 * @throws InputError `cpu-unknown`, `co-load-measured`; HostError `realtime-throttled`, `benchmark-failed`, `systemd-missing`, `measurement-running`, `stress-ng-missing`
 * @see oslat(8)
 * @example
 * const run = new Oslat("dut-polling", { host, name: "polling", subject: { kind: "host", cpus: "2-3" }, duration: "1h" });
 * export const maxNs = run.record.apply((record) => record.metrics[0]?.max);
 */
export class Oslat extends resourceClass(oslat) {}

/**
 * Gaps that firmware or a hypervisor below makes, by hwlatdetect. Runs at create, and again when an input or a trigger changes. Run it first, on an idle host: nothing that is tuned
 * above can mend what it finds. What it sets of the kernel's tracers is put back.
 *
 * Its metrics are `host.hardware.gap`, the largest of each window (the threshold where none was larger), `host.hardware.gaps`, how many windows of a repetition had one, and
 * `host.hardware.management-interrupts` where rdmsr is installed.
 *
 * @property width of each `window` that interrupts are off for
 * @throws InputError `hwlat-window`, `cpu-unknown`; HostError `tracer-missing` with the kernel's option, `tracer-busy`, `tracer-program`, `benchmark-failed`, `measurement-running`
 * @see hwlatdetect(8), https://docs.kernel.org/trace/hwlat_detector.html
 * @example
 * const run = new Hwlatdetect("dut-hardware", { host, name: "hardware", cpus: "2-15", duration: "10min", threshold: "1us" });
 */
export class Hwlatdetect extends resourceClass(hwlatdetect) {}

/**
 * Histograms of the kernel's tracers timerlat or osnoise, by rtla, on CPUs of the machine or in a guest. Runs at create, and again when an input or a trigger changes. What is set of the
 * tracers is put back.
 *
 * Metrics of timerlat are `host.timerlat.irq`, `host.timerlat.thread` and with threads of its own `host.timerlat.user`, that of osnoise `host.osnoise.noise`; in a guest they begin with `guest`.
 *
 * @property tracer `{ kind: "timerlat", interval, threads, priority }` or `{ kind: "osnoise", period, runtime, threshold, priority }`
 * @throws InputError `osnoise-runtime`, `cpu-unknown`, `co-load-measured`; HostError `tracer-missing` with the kernel's option, `tracer-program`, `rtla-option`, `benchmark-failed`
 * @see https://docs.kernel.org/tools/rtla/rtla-timerlat-hist.html, https://docs.kernel.org/tools/rtla/rtla-osnoise-hist.html
 * @example
 * const run = new Rtla("dut-timerlat", {
 *   host, name: "timerlat", subject: { kind: "host", cpus: "2-3" }, duration: "10min", tracer: { kind: "timerlat", interval: "1ms" },
 * });
 */
export class Rtla extends resourceClass(rtla) {}

/**
 * VM exits a second of a guest in its steady state, as KVM counts them: `guest.exits`, and `guest.exits.halt` and the like for each reason that is counted. A sample of each vCPU each second. A
 * repetition whose rate rises or falls makes the record invalid. Runs at create, and again when an input or a trigger changes; changes nothing.
 *
 * @property vcpus that are looked at, for instance those in real time
 * @throws HostError `exit-counters` where nobody counts them, `exit-counters-reset`, `vcpu-unknown`, `benchmark-failed`, `measurement-running`
 * @see virsh(1), domstats
 * @example
 * const run = new ExitRate("vnf-exits", { host, name: "exits", domain: "vnf", vcpus: "1-2", duration: "1min" });
 */
export class ExitRate extends resourceClass(exitRate) {}

/**
 * What it costs to leave a guest and come back, each operation timed by itself in cycles of the time stamp counter, inside a guest of its own on KVM: two vCPUs and no operating system. QEMU runs it
 * as a unit with a time limit, ends with it, and leaves nothing.
 *
 * Metrics, each in ns and as `NAME.cycles`: `guest.exit.none` is what the timing itself takes and is in all others, `guest.exit.hypercall`, `guest.exit.cpuid`, `guest.exit.user-space` (to QEMU),
 * `guest.notification` (until another vCPU's interrupt runs), `guest.notification.halted` (of one that sleeps), `guest.polling.round-trip` (through memory that both poll), `guest.vmfunc` where the
 * guest has the instruction, and `host.getppid`, a system call of the host. What could not be timed is in the record's remarks.
 *
 * @property cpus two CPUs of the machine
 * @property program `path` of a `Tool` with program `exits`
 * @property samples of each operation in a repetition, 100 to 10000000, default 100000
 * @property limit of one repetition, whole seconds, default 2min
 * @throws InputError `exit-cpus`, `cpu-unknown`, `co-load-measured`; HostError `benchmark-failed`, `exit-guest`, `parse`, `measurement-running`
 * @see the cost of transitions in "Extending KVM Models Toward High-Performance NFV", KVM Forum 2014
 * @example
 * const program = new Tool("exits", { host, name: "exits", program: "exits" });
 * const run = new ExitCost("dut-exits", { host, name: "exit-cost", cpus: "2-3", program: program.path });
 */
export class ExitCost extends resourceClass(exitCost) {}

/**
 * How long a guest or a container takes from the order to start until its first answer, `guest.boot` or `container.boot`, and until libvirt or systemd had it running, `guest.start`, in ms to a hundredth
 * of a second; and the memory that it takes by then, `guest.memory` (its QEMU's proportional share and huge pages) or `container.memory` (what its control group is charged), in bytes. **It shuts the
 * guest down** for each repetition, gracefully or not at all, and leaves it running, also where it is interrupted.
 *
 * @property domain name of the guest, or `container`: name of the container
 * @property answer `{ kind: "agent" }`, of a container a command that runs inside, or `{ kind: "ping", address }`: what counts as its first answer
 * @throws InputError `boot-subject`; HostError `guest-boot`, `measurement-running`
 * @example
 * const run = new BootTime("vnf-boot", { host, name: "boot", domain: "vnf", answer: { kind: "ping", address: "198.18.0.2" } });
 * @example
 * const run = new BootTime("fw-boot", { host, name: "fw-boot", container: "fw", repetitions: 10 });
 */
export class BootTime extends resourceClass(bootTime) {}

/**
 * How many guests or containers a machine carries beside each other until a goal breaks: `guest.density` or `container.density`, a number each repetition. Starts one, two, four and so on, each rung
 * anew, goes back where a goal broke and closes in between. Never more than `most`, than `cpus` and `perCpu` allow, and than memory and huge pages have room for; where no goal broke up to there, the
 * record's remarks say so, and the number is a lower bound.
 *
 * Goals: each instance answers within `startTimeout`, of its agent or by a command inside; `keepFree` of memory stays on each node; with `latency`, `percentile` of the wake-ups of a thread in each
 * instance, of all at the same time, come within `limit`. Frames are not judged: instances have no network.
 *
 * Metrics of each instance at the number that held, `guest.density.` or `container.density.` before them: `boot` in ms; `rss`, `pss` and `hugepages` of its processes, QEMU or those inside and the one that watches
 * them, and `host-memory`, what the machine had less for each, in bytes; `cpu`, its share of one CPU; `latency` of its wake-ups in ns.
 *
 * Instances are transient: they end with the run's unit, whether it ends, is interrupted or runs out of time, and at a reboot; one that nobody listens to any more ends itself.
 *
 * @property instances `{ kind: "guest", kernel, initramfs, memory, pageSize, numaNode, emulatorCpus }` or `{ kind: "container", memory }`
 * @property latency `{ percentile, limit, interval, priority }`; containers need rt-tests on the machine, guests a boot image of ours
 * @throws InputError `density-samples`, `density-latency`, `memory-multiple`, `emulator-on-vcpu`, `cpu-unknown`; HostError `density-room`, `density-first`, `density-program`, `density-limit`, `measurement-running`
 * @example
 * const run = new Density("lxc-density", { host, name: "lxc", instances: { kind: "container" }, cpus: "2-5", perCpu: 8, latency: { limit: "200us" } });
 * export const most = run.record.apply((record) => record.metrics[0]?.median);
 */
export class Density extends resourceClass(density) {}

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
 * @throws InputError `traffic-length`, `traffic-both`, `traffic-broadcast`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`
 * @see RFC 2544, RFC 4737, and RFC 5481 for how latency varies
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
 * when an input or a trigger changes, or where it was interrupted; never on an unchanged `up`. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * @property goals by name, each `{ loss }` and more; `{ ndr: { loss: 0 } }` by default
 * @property byFrame by frame size and goal: `throughputPps`, `lowerPps`, `upperPps`, and `kind`
 * @property ended `"interrupted"` where it was ended half-way: then there is no record, and the next `up` runs it again
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `goal`, `goal-method`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`,
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
 * Loss by load for each frame size, from the highest load down until two loads in a row lose nothing, and by the same trials the maximum forwarding rate, `forwarding.64.mfr`, and that at the highest load, `.frmol`. Runs at create, and again when an input or a trigger changes, or where it was interrupted.
 * Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * @property step distance of two loads, as a share of the highest: a tenth at most
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`, `trial-silent`, `interrupted`
 * @see RFC 2544, section 26.3, and RFC 2889, section 5.6
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
 * where it was interrupted. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * @property throughput frames per second and direction by frame size, measured before
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`, `bursts`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`,
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
 * again when an input or a trigger changes, or where it was interrupted. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * @property throughput frames per second and direction by frame size, measured before; `percent` of it is sent
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`, `soak-short`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`,
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

/**
 * How long a path goes on losing frames once an overload is over, for each frame size: the rate falls to half within one trial, and the time counts from that change to the last frame that is lost. Runs at
 * create, and again when an input or a trigger changes, or where it was interrupted. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * Its metrics are `recovery.64`, the time in ns, `recovery.64.lost`, frames lost after the change, and `recovery.64.overload`, the share lost before it.
 *
 * @property throughput frames per second and direction by frame size, measured before; `percent` of it is the overload, 110 by default
 * @property overload how long it is sent, 60s by default; a record of less says that it is short
 * @property relief how long half of it is sent then
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`, `generator-unpaced`, `generator-rate-change`, `recovery-short`, `cpu-unknown`; HostError
 *   `systemd-missing`, `measurement-running`, `traffic-failed`, `trial-silent`, `interrupted`
 * @see RFC 2544, section 26.5
 * @example
 * new SystemRecovery("recovery", {
 *   host, name: "recovery", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], throughput: { 64: 4_000_000 }, repetitions: 6,
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 */
export class SystemRecovery extends resourceClass(systemRecovery) {}

/**
 * Latency of frames that a switch has no entry for in its datapath, for each frame size: nothing is sent until it has forgotten all flows, then one frame of each flow, then further ones of the same flows. Runs at create,
 * and again when an input or a trigger changes, or where it was interrupted. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * Its metrics are `flow-setup.64.first.forward` and `.later.forward`, latency in ns with its variation, `.first.lost` and `.later.lost`, and `.first.misses`, packets of each repetition that the switch had no entry for.
 *
 * @property flows by source port, 500 by default: all of them have to be sent before the switch forgets the first one
 * @property rate frames per second and direction, 100 by default: slow enough that none waits for another's upcall
 * @property idle how long nothing is sent before, 15s by default: longer than the switch's `max-idle`, which is looked up
 * @property later frames of each flow behind its first, 1 by default
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `trial-frames`, `few-samples`, `flow-setup-idle`, `flow-setup-span`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`,
 *   `trial-silent`, `interrupted`
 * @see RFC 8204, PacketLatency.InitialPacketProcessingLatency
 * @example
 * const run = new FlowSetup("setup", {
 *   host, name: "setup", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], flows: 500, repetitions: 6,
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 * export const firstNs = run.record.apply((record) => record?.metrics.find(({ name }) => name === "flow-setup.64.first.forward")?.median);
 */
export class FlowSetup extends resourceClass(flowSetup) {}

/**
 * How long no frame comes while something is done to the machine that forwards: a restart of ovs-vswitchd with its flows kept, which interrupts all its ports; a reset of a guest without asking it; or a port or flows that a bridge
 * gets, and loses again. Frames go through at a constant rate from before it until after. Done at create, and again when an input or a trigger changes; never on an unchanged `up`, and nothing but what `event` names. Delete
 * forgets the record; what is in a results folder or object store stays.
 *
 * Its metrics are `outage.switch-restart`, the longest time without a frame since the event began, above the usual one, in ns; `.by-loss`, the frames lost by the rate; `.lost`; and `.before`, the first one before the event.
 *
 * @property event `{ kind: "switch-restart" }`, `{ kind: "guest-reset", domain }`, `{ kind: "add-port", bridge }` or `{ kind: "add-flows", bridge, count }`, with 1000 flows unless said otherwise
 * @property rate frames per second and direction: the time between two is what the outage is known to
 * @property lead,watch how long frames go through before the event, 5s, and behind it, 30s
 * @throws InputError `traffic-both`, `traffic-broadcast`, `outage-short`, `outage-frames`, `outage-addresses`, `cpu-unknown`; HostError `guest-not-running`, `bridge-missing`, `port-unsupported`, `ovs-missing`, `ovs-not-answering`, `systemd-missing`,
 *   `measurement-running`, `traffic-failed`
 * @see RFC 2544, section 26.6, RFC 6201, and RFC 8204 for flows
 * @example
 * const restart = new Outage("restart", {
 *   host, name: "restart", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, rate: 10_000, event: { kind: "switch-restart" },
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 * export const outageNs = restart.record.apply(({ metrics }) => metrics[0]?.max);
 */
export class Outage extends resourceClass(outage) {}

/**
 * The load that a path carries for a very long time with a wanted share of loss, for each frame size, by PLRsearch. Where a `Throughput` says what passed trials of seconds, this says what to expect of hours, and how sure
 * that is. Runs at create, and again when an input or a trigger changes, or where it was interrupted. Changes nothing on the machine; delete forgets the record; what is in a results folder or object store stays.
 *
 * @property loss share of the frames, 1e-7 by default
 * @property duration how long trials of each frame size send: the longer, the smaller the standard deviation
 * @property byFrame by frame size: `averagePps`, `stdevPps`, and `kind`
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `trial-ms`, `cpu-unknown`; HostError `systemd-missing`, `measurement-running`, `traffic-failed`, `trial-silent`,
 *   `interrupted`
 * @see https://datatracker.ietf.org/doc/draft-vpolak-bmwg-plrsearch/
 * @example
 * const run = new CriticalLoad("critical", {
 *   host, name: "critical", generator: { kind: "nfvlab", program: tool.path, cpus: "2-3" }, frames: [64], loss: 1e-7, duration: "2h",
 *   from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/east.sock" },
 *   to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/west.sock" },
 * });
 * export const pps = run.byFrame.apply((byFrame) => byFrame["64"]?.averagePps);
 */
export class CriticalLoad extends resourceClass(criticalLoad) {}

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
