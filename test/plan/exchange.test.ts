import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkExchange, planExchange } from "../../sdk/plan/exchange.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { exchange } from "../../sdk/schema/exchange.ts";
import { InputError } from "../../sdk/units/errors.ts";

type ExchangeInputs = Inputs<typeof exchange>;

const memory = (domain: string, size: "4MiB" | "8MiB" = "4MiB") => ({
  domain,
  port: { kind: "memory" as const, size },
});
const by = (domain: string, mac: string) => ({ domain, port: { kind: "interface" as const, mac } });
const shared: ExchangeInputs = {
  host: { name: "dut", connection: { kind: "local" } },
  ...{ name: "ring", rate: 1000, from: memory("east"), to: memory("west") },
};
const switched = {
  ...shared,
  from: by("east", "52:54:00:00:00:01"),
  to: by("west", "52:54:00:00:00:02"),
  ...{ frameSize: 512, idle: "100us" as const, settle: "500ms" as const, count: 2000 },
};

describe("an exchange", () => {
  it("is one program in both guests, told where the other is", () => {
    expect(exchange.inputs.safeParse(switched).error).toBeUndefined();
    const { answer, send, seconds, repetitions } = planExchange(switched, 7);
    expect([answer, send].map((argv) => argv.join(" "))).toEqual([
      "nfvlab-exchange --role=answer --interface=52:54:00:00:00:02 --run=7 --count=2000 --frame-size=512 --limit-ms=48700 --idle-us=100",
      "nfvlab-exchange --role=send --interface=52:54:00:00:00:01 --run=7 --count=2000 --frame-size=512 --limit-ms=48700 --idle-us=100 " +
        "--peer=52:54:00:00:00:02 --rate=1000 --settle-ms=500 --probe-ms=30000",
    ]);
    expect({ seconds, repetitions }).toEqual({ seconds: 49, repetitions: 1 });
    expect(planExchange(shared, 7).send.join(" ")).toBe(
      "nfvlab-exchange --role=send --device=4194304 --run=7 --count=10000 --frame-size=64 --limit-ms=59000 --idle-us=0 " +
        "--rate=1000 --settle-ms=2000 --probe-ms=30000",
    );
  });

  it("has more time than it needs, whatever its rate and length", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        (rate, count, settle) => {
          const { seconds } = planExchange({ ...shared, rate, count, settle: `${settle}ms` }, 1);
          expect(seconds).toBeGreaterThan(count / rate + settle / 1000 + 30);
        },
      ),
    );
  });

  it.each<readonly [string, Partial<ExchangeInputs>, RegExp]>([
    ["frames and duration", { count: 1, duration: "1s" }, /^count: frames and duration are both given/],
    [
      "a guest with itself",
      { to: memory("east") },
      /^to.domain: a guest does not exchange frames with itself/,
    ],
    [
      "two memories",
      { to: memory("west", "8MiB") },
      /^to.port: the ends would never meet: observed memory of 4MiB, and memory of 8MiB, expected an interface each, or memory of one size/,
    ],
    [
      "an interface and a memory",
      { to: by("west", "52:54:00:00:00:02") },
      /^to.port: .* observed memory of 4MiB, and the interface 52:54:00:00:00:02/,
    ],
    ["an end that sleeps", { idle: "11ms" }, /^idle: .* observed 11ms, expected at most 10ms/],
  ])("is refused with %s", (_, change, message) => {
    const inputs = { ...shared, ...change };
    expect(exchange.inputs.safeParse(inputs).error).toBeUndefined();
    expect(() => checkExchange(inputs)).toThrow(InputError);
    expect(() => checkExchange(inputs)).toThrow(message);
    expect(() => checkExchange(shared)).not.toThrow();
  });
});
