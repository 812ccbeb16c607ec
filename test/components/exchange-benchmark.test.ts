import { expect, it } from "vitest";
import { switchedEnd } from "../../components/chain-ends.ts";
import { ExchangeBenchmark } from "../../components/exchange-benchmark.ts";
import { ServiceChain } from "../../components/service-chain.ts";
import { exchange } from "../../sdk/schema/exchange.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers, host, thrown } from "./testbed.ts";

const frames = {
  forward: { planned: 9, sent: 9, received: 8, lost: 1, duplicated: 0, reordered: 0 },
  reverse: { planned: 8, sent: 8, received: 8, lost: 0, duplicated: 0, reordered: 0 },
};
const record = { valid: true, functional: true, invalidReasons: [], metrics: [], fingerprint: { hash: "a" } };

const twoGuests = (bridge = aBridge(aHost())) => {
  const sharedMemory = { ring: { kind: "ivshmem-plain" as const, size: "4MiB" as const } };
  const programs = ["/var/lib/nfvlab/traffic/1/nfvlab-exchange"];
  const guest = (name: string, port: string, vcpus: "3" | "4") =>
    aGuest(
      bridge,
      { vcpus, programs, sharedMemory, nics: { link: { kind: "vhost-user", bridge, port } } },
      name,
    );
  return [guest("east", "vhu0", "3"), guest("west", "vhu1", "4")] as const;
};

it("exchanges frames between two guests by the interfaces and by the memory that a chain joins", async () => {
  const registered = await register(
    () => {
      const [east, west] = twoGuests();
      for (const nic of ["link", "ring"]) {
        const over = new ServiceChain(nic, { from: { vnf: east, nic }, to: { vnf: west, nic } });
        const run = new ExchangeBenchmark(`${nic}-frames`, { over, rate: 100, count: 9, idle: "1ms" });
        expect(run.path).toBe(over.path);
      }
    },
    { answers: { ...answers, "nfvlab:bench:Exchange": { record, frames } } },
  );
  const link = named(registered, "link-frames-run");
  const macs = ["east", "west"].map((name) => {
    const { nics } = named(registered, `${name}-domain`).inputs as { nics: { link: { mac: string } } };
    return nics.link.mac;
  });
  expect(link.inputs).toMatchObject({
    ...{ host, name: "link-frames", rate: 100, count: 9, idle: "1ms", triggers: ["boot-1"] },
    from: { domain: "east", port: { kind: "interface", mac: macs[0] } },
    to: { domain: "west", port: { kind: "interface", mac: macs[1] } },
  });
  expect(link.waitsFor).toEqual(expect.arrayContaining(["east-domain", "west-domain", "link-flows-br0"]));
  const ring = named(registered, "ring-frames-run");
  expect(ring.inputs).toMatchObject({
    from: { domain: "east", port: { kind: "memory", size: "4MiB" } },
    to: { domain: "west", port: { kind: "memory", size: "4MiB" } },
  });
  for (const { inputs } of [link, ring]) expect(exchange.inputs.safeParse(inputs).error).toBeUndefined();
  expect(named(registered, "ring-frames").outputs).toMatchObject({ frames });
  expect(named(registered, "east-image").inputs["programs"]).toEqual([
    "/var/lib/nfvlab/traffic/1/nfvlab-exchange",
  ]);
});

it("refuses ends that are no guests, and guests that are apart, all at once", async () => {
  let texts: string[] = [];
  await register(
    () => {
      const bridge = aBridge(aHost());
      const [east, west] = twoGuests(bridge);
      const there = switchedEnd("sink", bridge, "vhu1");
      const other = aHost({}, "other");
      const [, far] = twoGuests(aBridge(other, {}, "br1"));
      texts = [
        { from: there, to: { vnf: west, nic: "wire" } },
        { from: { vnf: east, nic: "ring" }, to: { vnf: far, nic: "ring" } },
      ].map((over) => thrown(() => new ExchangeBenchmark("run", { over, rate: 1 })));
    },
    { answers },
  );
  expect(texts[0]).toContain(
    "over.from: it is no guest, whose agent could run the program: observed sink, on the host",
  );
  expect(texts[0]).toContain(
    "over.to.nic: west has no such interface or shared memory: observed wire, expected link or ring",
  );
  expect(texts[1]).toContain(
    "over.to: the two guests are on two hosts, and one run has one: observed dut and other",
  );
});
