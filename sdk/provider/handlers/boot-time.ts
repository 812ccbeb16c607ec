import { metricOfValues } from "../../measure/metric.ts";
import { type GuestBoot, parseGuestBoot } from "../../observe/guest-boot.ts";
import { type BootSubject, bootFailure, bootSubject, planBootTime } from "../../plan/boot-time.ts";
import { serviceOf } from "../../plan/lxc-container.ts";
import { bootTime } from "../../schema/latency.ts";
import { formatNanoseconds } from "../../units/duration.ts";
import type { Handler } from "../handler.ts";
import { type Measured, measuring } from "../measuring.ts";
import { runUnit } from "../unit-program.ts";

const ANSWER = { guest: "its agent's answer", container: "a command inside" } as const;

export const bootTimeHandler: Handler<typeof bootTime> = {
  definition: bootTime,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planBootTime(inputs);
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { firmware, name, answer } = inputs;
    const plan = planBootTime(inputs);
    const { kind, name: started } = bootSubject(inputs);
    const seconds = plan.repetitions * plan.seconds;
    const until = answer?.kind === "ping" ? `an echo of ${answer.address}` : ANSWER[kind];
    const record = await measuring(
      operation,
      host,
      {
        kind: "boot-time",
        name,
        subject: `${kind} ${started}, to ${until}`,
        seconds,
        firmware,
        asked: inputs,
      },
      ({ versions }) =>
        async (raw) => {
          const boots: GuestBoot[] = [];
          for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
            const last = boots.at(-1);
            const soFar =
              last === undefined ? "" : `, ${formatNanoseconds(last.answerMs * 1e6)} the last time`;
            operation.status(`start ${repetition}/${plan.repetitions} of ${started}${soFar}`);
            const ran = await runUnit(operation, host, name, plan, raw);
            if (ran.code !== 0) throw bootFailure(inputs, ran);
            boots.push(parseGuestBoot(ran.stdout));
          }
          return bootMeasured({ kind, name: started }, boots, versions.libvirt);
        },
    );
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};

function bootMeasured(
  { kind, name }: BootSubject,
  boots: readonly GuestBoot[],
  libvirt = "unknown",
): Measured {
  const metric = (what: string, unit: "ms" | "bytes", values: readonly number[]) =>
    metricOfValues({ name: `${kind}.${what}`, unit, direction: "lower" }, values);
  const memories = boots.flatMap(({ memoryBytes = [] }) => memoryBytes);
  const isKnown = memories.length === boots.length;
  return {
    metrics: [
      metric(
        "boot",
        "ms",
        boots.map(({ answerMs }) => answerMs),
      ),
      metric(
        "start",
        "ms",
        boots.map(({ startMs }) => startMs),
      ),
      ...(isKnown ? [metric("memory", "bytes", memories)] : []),
    ],
    tool:
      kind === "guest"
        ? { command: ["virsh", "start", name], version: `libvirt ${libvirt}` }
        : { command: ["systemctl", "start", serviceOf(name)], version: `LXC ${boots[0]?.lxc ?? "unknown"}` },
    ...(isKnown ? {} : { remarks: [`no figure of memory: nobody tells that of ${kind} ${name}`] }),
  };
}
