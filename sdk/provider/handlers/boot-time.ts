import { metricOfValues } from "../../measure/metric.ts";
import { type GuestBoot, parseGuestBoot } from "../../observe/guest-boot.ts";
import { bootFailure, planBootTime } from "../../plan/boot-time.ts";
import { bootTime } from "../../schema/latency.ts";
import { formatNanoseconds } from "../../units/duration.ts";
import type { Handler } from "../handler.ts";
import { measuring } from "../measuring.ts";
import { runUnit } from "../unit-program.ts";

export const bootTimeHandler: Handler<typeof bootTime> = {
  definition: bootTime,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planBootTime(inputs);
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { domain, firmware, name, answer } = inputs;
    const plan = planBootTime(inputs);
    const seconds = plan.repetitions * plan.seconds;
    const until = answer?.kind === "ping" ? `an echo of ${answer.address}` : "its agent's answer";
    const record = await measuring(
      operation,
      host,
      { kind: "boot-time", name, subject: `guest ${domain}, to ${until}`, seconds, firmware },
      ({ versions }) =>
        async (raw) => {
          const boots: GuestBoot[] = [];
          for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
            const last = boots.at(-1);
            const soFar =
              last === undefined ? "" : `, ${formatNanoseconds(last.answerMs * 1e6)} the last time`;
            operation.status(`start ${repetition}/${plan.repetitions} of ${domain}${soFar}`);
            const ran = await runUnit(operation, host, name, plan, raw);
            if (ran.code !== 0) throw bootFailure(inputs, ran);
            boots.push(parseGuestBoot(ran.stdout));
          }
          const metric = (metricName: string, values: readonly number[]) =>
            metricOfValues({ name: metricName, unit: "ms", direction: "lower" }, values);
          return {
            metrics: [
              metric(
                "guest.boot",
                boots.map(({ answerMs }) => answerMs),
              ),
              metric(
                "guest.start",
                boots.map(({ startMs }) => startMs),
              ),
            ],
            tool: {
              command: ["virsh", "start", domain],
              version: `libvirt ${versions.libvirt ?? "unknown"}`,
            },
          };
        },
    );
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};
