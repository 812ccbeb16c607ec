import { afterEach, describe, expect, it, vi } from "vitest";
import type { Probe } from "../../sdk/observe/probe.ts";
import { askGuests } from "../../sdk/provider/asking-guests.ts";
import type { Host, Operation } from "../../sdk/provider/handler.ts";
import { type Measurement, measuring } from "../../sdk/provider/measuring.ts";
import type { Command } from "../../sdk/remote/transport.ts";
import type { Metric } from "../../sdk/schema/record.ts";
import { agentAnswers, insideGuest, recordedMachine, said } from "../observe/recorded.ts";

const recordedAnswers = recordedMachine("machine/debian-13/emulated-server.txt");

/** What a guest's agent does when it is asked: prints what the guest says, refuses, never answers, or runs what never ends. */
type Agent = (asked: number) => string | { readonly refuses: string } | "never" | "hangs";

const KERNEL = "6.12.117+deb13-rt-amd64 #1 SMP PREEMPT_RT Debian 6.12.117-1 (2026-11-12)";
const says: Agent = () => insideGuest();
const thenSays =
  (from: string, to: string): Agent =>
  (asked) =>
    asked === 1 ? insideGuest() : insideGuest().replaceAll(from, to);

/** The recorded server with these guests, each by its agent; undefined where none is connected. */
function machine(name: string, agents: Readonly<Record<string, Agent | undefined>>, machineId = "0584") {
  const log: string[] = [];
  const [at, counted] = [{ now: 0, most: 0 }, new Map<string, number>()];
  const recordedDomain = recordedAnswers.get("libvirt-domains")!.stdout;
  const domains = Object.entries(agents)
    .map(([guest, agent]) => {
      const one = recordedDomain.replaceAll("vnf probe", guest);
      return agent === undefined ? one : one.replace("state='disconnected'", "state='connected'");
    })
    .join("\n");
  const ask = async ({ argv, signal }: Command) => {
    const [guest = "", text = ""] = argv.slice(-2);
    const { execute } = JSON.parse(text) as { readonly execute: keyof ReturnType<typeof agentAnswers> };
    log.push(`${execute} ${guest}`);
    if (execute === "guest-exec") counted.set(guest, (counted.get(guest) ?? 0) + 1);
    const answer = agents[guest]!(counted.get(guest) ?? 0);
    at.now += 1;
    at.most = Math.max(at.most, at.now);
    try {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (answer === "never")
        await new Promise((_, reject) => {
          const give = () => reject(new Error("aborted"));
          if (signal?.aborted) give();
          signal?.addEventListener("abort", give);
        });
      if (typeof answer === "object") return { ...said(""), code: 1, stderr: `error: ${answer.refuses}\n` };
      const recorded = agentAnswers()[execute];
      if (answer === "hangs" && execute === "guest-exec-status") return said('{"return":{"exited":false}}');
      const out = (text: string) => Buffer.from(text).toString("base64");
      return said(recorded.replace(out(insideGuest()), out(String(answer))));
    } finally {
      at.now -= 1;
    }
  };
  const host = {
    name,
    transport: {
      execute: (command: Command) =>
        command.argv.includes("qemu-agent-command") ? ask(command) : Promise.resolve(said("")),
    },
    observeNow: async (probes: Readonly<Record<string, Probe<unknown>>>) => {
      if ("disturbances" in probes) log.push("look");
      return Object.fromEntries(
        Object.entries(probes).map(([key, probe]) => {
          const answer = recordedAnswers.get(probe.name) ?? said("");
          const stdout =
            probe.name === "libvirt-domains"
              ? domains
              : answer.stdout.replace("machine-id:0584", `machine-id:${machineId}`);
          return [key, probe.parse({ ...answer, stdout })];
        }),
      );
    },
  } as unknown as Host;
  return { host, log, at };
}

const metric: Metric = {
  ...{ name: "guest.timer.latency", unit: "ns", direction: "lower", samples: 1, min: 1, mean: 1, max: 1 },
  ...{ percentiles: {}, histogram: "", overflow: 0, missing: 0, repetitions: [], median: 1 },
  interval95: { low: 1, high: 1, method: "range" },
};
const what = { name: "timers", kind: "cyclictest", subject: "guest vnf", seconds: 1, asked: {} };

async function measured(
  { host, log }: Pick<ReturnType<typeof machine>, "host" | "log">,
  more: Partial<Measurement> = {},
  controller = new AbortController(),
) {
  const operation = {
    ...{ status: () => undefined, signal: controller.signal, secrets: [] },
  } as unknown as Operation;
  return measuring(operation, host, { ...what, ...more }, () => async () => {
    log.push("measures");
    return {
      ...{ metrics: [metric], tool: { command: ["cyclictest"], version: "2.8" } },
      remarks: ["its own"],
    };
  });
}

/** So many times faster, for guests that never answer: what is left is enough for those that do, on a busy machine too. */
function hurry(times: number): void {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => timeout(ms / times));
}
afterEach(() => vi.restoreAllMocks());

describe("guests", () => {
  it("are asked before the measurement and its looks, and what they say is in force both times", async () => {
    const on = machine("dut", { vnf: says });
    const record = await measured(on);
    expect(record).toMatchObject({ valid: true, remarks: ["its own"] });
    expect(record.fingerprint.guests["vnf"]).toMatchObject({
      "inside.kernel": KERNEL,
      "inside.bootArguments.nohz_full": "1",
      "cputune.vcpupin.0.cpuset": "3",
    });
    expect(on.log).toEqual(["guest-exec vnf", "guest-exec-status vnf", "look", "measures", "look"]);
    expect(JSON.stringify(record)).not.toContain("Qx7-2231");
  });

  it("without an agent that is connected are not asked, and a remark says so", async () => {
    const on = machine("dut", { vnf: undefined });
    const record = await measured(on, { guests: ["vnf"] });
    expect(record).toMatchObject({
      valid: true,
      remarks: ["its own", "what is in force inside guest vnf is not known: its agent is not connected"],
    });
    expect(on.log).toEqual(["look", "measures", "look"]);
    expect(Object.keys(record.fingerprint.guests["vnf"]!).join()).not.toContain("inside.");
  });

  it("that refuse or say what can't be read are told with the reason, without what they said", async () => {
    const garbled: Agent = () => insideGuest().replace(/^.*boot_id.*\n/m, "");
    const refuses: Agent = () => ({ refuses: "Command guest-exec has been disabled" });
    const on = machine("dut", { garbled, rhel: refuses, rhel2: refuses, vnf: says });
    const record = await measured(on, { guests: ["rhel", "garbled"] });
    expect(record).toMatchObject({
      valid: true,
      remarks: [
        "its own",
        "what is in force inside guest garbled is not known: its agent's answer can't be read",
        "what is in force inside guests rhel, rhel2 is not known: Command guest-exec has been disabled",
      ],
    });
    expect(record.fingerprint.guests["vnf"]).toMatchObject({ "inside.kernel": KERNEL });
    expect(JSON.stringify(record)).not.toContain("Qx7-2231");
  });

  it("that never answer are given up in bounded time, the others beside them told", async () => {
    hurry(20);
    const on = machine("dut", { dead: () => "never", stuck: () => "hangs", vnf: says });
    const record = await measured(on);
    expect(record).toMatchObject({
      valid: true,
      remarks: [
        "its own",
        "what is in force inside guests dead, stuck is not known: its agent did not answer within 20 s",
      ],
    });
    expect(record.fingerprint.guests["vnf"]).toMatchObject({ "inside.kernel": KERNEL });
    // What runs in a guest beyond its time is ended there first.
    expect(on.log.filter((line) => line === "guest-exec stuck")).toHaveLength(2);
    expect(on.log.slice(on.log.indexOf("look"))).toEqual(["look", "measures", "look"]);
  });

  it("are asked a few at once, and all together for a bounded time", async () => {
    const all = (count: number, agent: Agent) =>
      machine("dut", Object.fromEntries(Array.from({ length: count }, (_, index) => [`vnf${index}`, agent])));
    const asker = { signal: new AbortController().signal, status: () => undefined };
    const on = all(9, says);
    const told = await askGuests(asker, on.host);
    expect([told.inside.size, told.remarks, on.at.most]).toEqual([9, [], 4]);
    hurry(40);
    const { remarks } = await askGuests(asker, all(30, () => "never").host);
    expect(remarks).toEqual([
      expect.stringMatching(
        /^what is in force inside guests vnf0, vnf1, vnf2, vnf3, vnf4 and \d+ more is not known: its agent did not answer within 20 s$/,
      ),
      expect.stringMatching(
        /^what is in force inside guests vnf.* is not known: all guests together are asked for 120 s at most$/,
      ),
    ]);
  });

  it("of other machines that take part are told with those, remarks by their names", async () => {
    const [own, device] = [machine("dut", {}), machine("away", { vnf: says, old: undefined }, "1584")];
    const record = await measured(own, { others: { systemUnderTest: device.host } });
    expect(record).toMatchObject({
      valid: true,
      remarks: [
        "its own",
        "on away, what is in force inside guest old is not known: its agent is not connected",
      ],
    });
    expect(record.others?.["systemUnderTest"]?.guests["vnf"]).toMatchObject({ "inside.kernel": KERNEL });
  });

  it("are given up where the operation is", async () => {
    const controller = new AbortController();
    const on = machine("dut", {
      vnf: () => {
        controller.abort();
        return "never";
      },
    });
    await expect(measured(on, {}, controller)).rejects.toThrow();
    expect(on.log).toEqual(["guest-exec vnf"]);
  });
});

describe("a guest that is measured", () => {
  it("is asked again afterwards, once the looks are done, and no other is", async () => {
    const on = machine("dut", { vnf: says, other: thenSays("5d0f6f2e", "6d0f6f2e") });
    const record = await measured(on, { guests: ["vnf", "vnf"] });
    expect(record).toMatchObject({ valid: true, remarks: ["its own"] });
    expect(on.log.slice(on.log.indexOf("look"))).toEqual([
      ...["look", "measures", "look"],
      ...["guest-exec vnf", "guest-exec-status vnf"],
    ]);
  });

  it("and booted again meanwhile makes the record worthless", async () => {
    const on = machine("dut", { vnf: thenSays("5d0f6f2e", "6d0f6f2e") });
    const record = await measured(on, { guests: ["vnf"] });
    expect(record.invalidReasons).toEqual(["guest vnf booted again while it was measured"]);
  });

  it("and whose kernel gave up its clock meanwhile does too", async () => {
    const on = machine("dut", { vnf: thenSays("kvm-clock", "acpi_pm") });
    const record = await measured(on, { guests: ["vnf"] });
    expect(record.invalidReasons).toEqual([
      "what was in force changed while it ran: guests.vnf.inside.clocksource: kvm-clock, then acpi_pm",
    ]);
  });

  it("and says nothing afterwards leaves the record as it is, with a remark", async () => {
    const silent: Agent = (asked) => (asked === 1 ? insideGuest() : { refuses: "agent unavailable" });
    const record = await measured(machine("dut", { vnf: silent }), { guests: ["vnf"] });
    expect(record).toMatchObject({
      valid: true,
      remarks: [
        "its own",
        "whether guest vnf booted again while it was measured is not known: agent unavailable",
      ],
    });
  });
});
