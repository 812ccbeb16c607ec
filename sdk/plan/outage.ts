import type { ObservedDomain } from "../observe/domains.ts";
import type { ObservedDatabase } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import type { OutageEvent, outage } from "../schema/outage.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { VIRSH } from "./domain.ts";
import { restartSteps } from "./ovs-daemon.ts";
import { removeFlows } from "./ovs-flows.ts";
import { removePort, transaction } from "./ovs-port.ts";
import type { Step } from "./step.ts";
import type { TrafficPlan } from "./traffic-plan.ts";
import { checkWay, planTraffic } from "./traffic-run.ts";
import { MOST_FRAMES } from "./traffic-trials.ts";

type OutageInputs = Inputs<typeof outage>;

/** Before and after, at least. */
const LEAST_MS = 1000;
/** What an event itself may take: a switch that restarts waits for its ports, and an emulated machine takes its time. */
const EVENT_S = 240;

/** The option is `--kill-whom` since systemd 252, of which this is a prefix; before that it is its name. */
const MARK = 'systemctl kill --kill-who=main --signal=SIGUSR2 "$1"';

/**
 * Adds flows that no frame meets, UDP from one block of addresses for documentation to another (RFC 5737), by one bundle: all of them or none. They are made on the machine, since a million of
 * them is a hundred megabytes. They have the highest priority, or a switch would not look at them: what it finds for a frame ends its search among flows of less. So it finds the same for each frame,
 * but by more of the frame's fields, and sets up its way through the datapath anew meanwhile.
 */
const ADD_FLOWS = `{ awk -v cookie="$2" -v count="$3" 'BEGIN {
  for (i = 0; i < count; i++)
    printf "cookie=%s,priority=65535,udp,nw_src=198.51.100.%d,nw_dst=203.0.113.%d,tp_dst=%d,actions=drop\\n", cookie, int(i / 256) % 256, i % 256, 1 + int(i / 65536)
}' || echo not all flows; } | ovs-ofctl --timeout=${EVENT_S} -O OpenFlow13 --bundle add-flows "$1" -`;
const MATCHED = /^(198\.51\.100|203\.0\.113)\./;

/** Defaults filled in: durations in ms. */
export function outageSettings({ lead = "5s", watch = "30s", repetitions = 1 }: OutageInputs) {
  return { leadMs: exactDuration(lead, "ms"), watchMs: exactDuration(watch, "ms"), repetitions };
}

/** How long frames may have to be sent, in one repetition, s. */
function sendingSeconds(inputs: OutageInputs): number {
  const { leadMs, watchMs } = outageSettings(inputs);
  return Math.ceil((leadMs + watchMs) / 1000) + EVENT_S;
}

/** @throws InputError `traffic-both`, `traffic-broadcast`, `outage-short`, `outage-frames`, `outage-addresses` */
export function checkOutage(inputs: OutageInputs): void {
  checkWay(inputs);
  const { leadMs, watchMs } = outageSettings(inputs);
  if (leadMs < LEAST_MS || watchMs < LEAST_MS)
    throw new InputError({
      code: "outage-short",
      property: leadMs < LEAST_MS ? "lead" : "watch",
      problem: "too short to see that frames go through, or that they do again",
      observed: `${leadMs} ms before, ${watchMs} ms after`,
      expected: `${LEAST_MS} ms or more of each`,
    });
  const seconds = sendingSeconds(inputs);
  if (inputs.rate * seconds > MOST_FRAMES)
    throw new InputError({
      code: "outage-frames",
      property: "rate",
      problem: "more frames than can be told from each other",
      observed: `${inputs.rate} frames/s, for ${seconds} s where the event takes long`,
      expected: `${MOST_FRAMES} frames at most`,
      hint: "a rate of which the outage lasts a hundred frames tells it well",
    });
  const { fromIp = "", toIp = "" } = inputs.addresses ?? {};
  if (inputs.event.kind === "add-flows" && [fromIp, toIp].some((address) => MATCHED.test(address)))
    throw new InputError({
      code: "outage-addresses",
      property: MATCHED.test(fromIp) ? "addresses.fromIp" : "addresses.toIp",
      problem: "no frame may meet the flows that are added",
      observed: MATCHED.test(fromIp) ? fromIp : toIp,
      expected: "an address outside of 198.51.100.0/24 and 203.0.113.0/24",
      hint: "198.18.0.0/15 is for benchmarks",
    });
}

/** Traffic that goes on for as long as is needed; what a port refuses is lost, as on a wire. */
export function planOutageTraffic(inputs: OutageInputs): TrafficPlan {
  const { host, name, generator, from, to, directions, flows, addresses, settle, rate, frameSize } = inputs;
  const way = { host, name, generator, from, to, directions, flows, addresses, settle, rate, frameSize };
  const plan = planTraffic({ ...way, duration: `${sendingSeconds(inputs)}s` });
  return { ...plan, argv: [...plan.argv, "--drop-refused"] };
}

/** Tells the traffic program that something is about to be done. */
export function markEvent(unit: string): Step {
  return { purpose: `mark the event for ${unit}`, argv: ["sh", "-c", MARK, "sh", `${unit}.service`] };
}

export interface PlannedEvent {
  readonly steps: readonly Step[];
  /** What takes away again what it made. */
  readonly undo: readonly Step[];
}

export function planEvent(event: OutageEvent, tag: string): PlannedEvent {
  switch (event.kind) {
    case "switch-restart":
      return { steps: restartSteps(), undo: [] };
    case "guest-reset": {
      const { domain } = event;
      return { steps: [{ purpose: `reset guest ${domain}`, argv: [...VIRSH, "reset", domain] }], undo: [] };
    }
    case "add-port": {
      const { bridge, interface: kind = "vhost-user" } = event;
      // Names of interfaces have 15 characters at most.
      const port = `nfvlab-${tag}`;
      const settings =
        kind === "internal"
          ? ["type=internal"]
          : ["type=dpdkvhostuserclient", `options:vhost-server-path=/run/nfvlab-vhost/${port}.sock`];
      return {
        steps: transaction(`add port ${port} to ${bridge}`, [
          ["add-port", bridge, port],
          ["set", "Interface", port, ...settings],
        ]),
        undo: removePort(bridge, port),
      };
    }
    case "add-flows": {
      const { bridge, count = 1000 } = event;
      // "nfvl", and the resource.
      const cookie = `0x6e66766c${tag}`;
      return {
        steps: [
          {
            purpose: `add ${count} flows to ${bridge}`,
            argv: ["sh", "-c", ADD_FLOWS, "sh", bridge, cookie, `${count}`],
            timeoutMs: (EVENT_S + 10) * 1000,
          },
        ],
        undo: removeFlows(bridge, cookie),
      };
    }
  }
}

/**
 * Refuses an event that can't be one on this machine, before anything is sent.
 *
 * @throws HostError `guest-not-running`, `bridge-missing`, `port-unsupported`
 */
export function requireEventGround(
  event: OutageEvent,
  {
    guests,
    database,
  }: { readonly guests: readonly ObservedDomain[]; readonly database: ObservedDatabase | undefined },
  host: string,
): void {
  if (event.kind === "guest-reset") {
    const state = guests.find(({ name }) => name === event.domain)?.state;
    if (state === "running") return;
    throw new HostError({
      code: "guest-not-running",
      property: "event.domain",
      problem: `guest ${event.domain} does not run on ${host}, so that it can't be reset`,
      observed: state ?? "no guest of that name",
      expected: "running",
    });
  }
  if (event.kind === "switch-restart" || database === undefined) return;
  const bridges = database.bridges.map(({ name }) => name);
  if (!bridges.includes(event.bridge))
    throw new HostError({
      code: "bridge-missing",
      property: "event.bridge",
      problem: `${host} has no bridge ${event.bridge} to add ${event.kind === "add-port" ? "a port" : "flows"} to`,
      observed: bridges.join(", ") || "no bridge",
      expected: event.bridge,
    });
  if (
    event.kind === "add-port" &&
    event.interface !== "internal" &&
    !database.interfaceTypes.includes("dpdkvhostuserclient")
  )
    throw new HostError({
      code: "port-unsupported",
      property: "event.interface",
      problem: `the switch of ${host} has no vhost-user ports`,
      observed: "DPDK does not run in it",
      expected: "a switch with DPDK",
      hint: 'interface: "internal" is a port that every switch has',
    });
}
