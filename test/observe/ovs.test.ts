import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answering,
  bridgeFlows,
  interfaceAddresses,
  ovsDatabase,
  ovsLiveness,
  parsePmdRxqShow,
} from "../../sdk/observe/ovs.ts";
import { knownOptions } from "../../sdk/observe/ovs-options.ts";
import { parsePmdPerfShow } from "../../sdk/observe/ovs-performance.ts";
import { decodeTables } from "../../sdk/observe/ovsdb.ts";
import { recorded, recordedMachine, said } from "./recorded.ts";

const database = recordedMachine("machine/debian-13/emulated-server.txt").get("ovs-database") ?? said("");

describe("the switch's database", () => {
  it("is read with its options, bridges and interfaces", () => {
    const observed = ovsDatabase.parse(database);
    expect(observed).toMatchObject({
      state: "answering",
      otherConfig: { "dpdk-init": "true", "dpdk-socket-mem": "128", "pmd-cpu-mask": "0x4" },
      initialized: true,
      dpdkVersion: "24.11.8",
      version: "3.5.0",
      settled: true,
      bridges: [{ name: "br0", datapath: "netdev" }],
    });
    const interfaces = Object.fromEntries(answering(observed).interfaces.map((row) => [row.name, row]));
    expect(Object.keys(interfaces).sort()).toEqual(["br0", "vhu0"]);
    expect(interfaces["vhu0"]).toMatchObject({
      bridge: "br0",
      type: "dpdkvhostuserclient",
      options: { "vhost-server-path": "/run/vhu0.sock" },
      status: { status: "disconnected" },
    });
    expect(interfaces["vhu0"]).not.toHaveProperty("error");
  });

  it("that is absent or silent is told from one that answers", () => {
    expect(ovsDatabase.parse({ code: 127, stdout: "", stderr: "" })).toEqual({ state: "absent" });
    const silent = ovsDatabase.parse({ code: 1, stdout: "", stderr: "2026|fatal\nsignal: Alarm clock\n" });
    expect(silent).toEqual({ state: "silent", said: "signal: Alarm clock" });
    expect(() => answering({ state: "absent" })).toThrow(/not installed/);
    expect(() => answering(silent)).toThrow("ovsdb-server did not answer within 5 s");
    expect(() => answering(ovsDatabase.parse(database), false)).toThrow(
      "ovs-vswitchd did not answer within 5 s",
    );
    expect(ovsLiveness.parse({ code: 142, stdout: "", stderr: "" })).toBe(false);
  });

  it("that is cut off is an error, not an empty switch", () => {
    expect(() => ovsDatabase.parse(said(""))).toThrow("the database of Open vSwitch");
  });

  it("decodes every cell of RFC 7047", () => {
    const atom = fc.oneof(fc.string(), fc.integer(), fc.boolean());
    const map = fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.string(),
      { maxKeys: 5 },
    );
    fc.assert(
      fc.property(atom, fc.uuid(), fc.array(atom, { maxLength: 4 }), map, (one, uuid, set, entries) => {
        const data = [[one, ["uuid", uuid], ["set", set], ["map", Object.entries(entries)]]];
        const text = JSON.stringify({ headings: ["one", "uuid", "set", "map"], data });
        expect(decodeTables(`${text}\n`)).toEqual([[{ one, uuid, set, map: entries }]]);
      }),
    );
  });
});

describe("poll-mode threads", () => {
  it("are read with the queues that they poll", () => {
    expect(parsePmdRxqShow(recorded("ovs/3.5.0/pmd-rxq-show.txt").stdout)).toEqual([
      {
        cpu: 2,
        numaNode: 1,
        isolated: false,
        overheadPercent: 0,
        queues: [{ pmdCpu: 2, numaNode: 1, port: "vhu0", queue: 0, enabled: true, usagePercent: 0 }],
      },
    ]);
  });

  // From the manual of each release: https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
  it.each([
    ["2.8", "\tisolated : false\n\tport: dpdk0\tqueue-id: 0 1\n", { enabled: true }],
    [
      "2.9",
      "  isolated : false\n  port: dpdk0             queue-id:  0    pmd usage:  7 %\n  port: dpdk0             queue-id:  1    pmd usage: NOT AVAIL\n",
      { enabled: true, usagePercent: 7 },
    ],
    [
      "2.13",
      "  isolated : false\n  port: dpdk0             queue-id:  0 (disabled)   pmd usage: NOT AVAIL\n  port: dpdk0             queue-id:  1 (enabled)    pmd usage: 93 %\n",
      { enabled: false },
    ],
  ])("are read as release %s writes them", (_, body, first) => {
    const [thread] = parsePmdRxqShow(`pmd thread numa_id 0 core_id 3:\n${body}`);
    expect(thread?.queues.map(({ queue }) => queue)).toEqual([0, 1]);
    expect(thread?.queues[0]).toEqual({ pmdCpu: 3, numaNode: 0, port: "dpdk0", queue: 0, ...first });
  });

  it("that poll nothing are threads too, and queues that nobody polls are none", () => {
    expect(parsePmdRxqShow("pmd thread numa_id 0 core_id 3:\n  isolated : true\n")).toEqual([
      { cpu: 3, numaNode: 0, isolated: true, queues: [] },
    ]);
    expect(parsePmdRxqShow("")).toEqual([]);
  });
});

describe("what poll-mode threads have done", () => {
  const text = recorded("ovs/3.5.0/pmd-perf-show.txt").stdout;

  it("is read by the CPU of each", () => {
    expect(Object.fromEntries(parsePmdPerfShow(text))).toEqual({
      2: {
        durationS: 114.468,
        iterations: 89737,
        usedCyclesRatio: 0.328,
        busyCyclesRatio: 0.986,
        sleepIterationsRatio: 0.104,
        rxPackets: 5146641,
        cyclesPerPacket: 17610,
        passesPerPacket: 1,
        hits: { phwol: 0, "mfex-opt": 0, "simple-match": 5146570, emc: 0, smc: 0, megaflow: 31 },
        upcalls: 5,
        lostUpcalls: 3,
        txPackets: 0,
      },
    });
  });

  it("is nothing where there are none, and of threads alone", () => {
    expect(parsePmdPerfShow("").size).toBe(0);
    expect(parsePmdPerfShow(text.replace("pmd thread numa_id 1 core_id 2:", "main thread:")).size).toBe(0);
  });
});

it("finds the options that the daemon's program names, and nothing where it can't look", () => {
  expect(knownOptions.parse(said("pmd-sleep-max\npmd-rxq-isolate\nelse\n"))).toEqual(
    new Set(["pmd-sleep-max", "pmd-rxq-isolate"]),
  );
  expect(knownOptions.parse({ code: 1, stdout: "", stderr: "" })).toBeUndefined();
});

it("reads flows with the cookies of their owners", () => {
  const flows = bridgeFlows.parse(recorded("ovs/3.5.0/dump-flows.txt"));
  expect([...flows.keys()]).toEqual(["br0"]);
  expect(flows.get("br0")?.map(({ text }) => text)).toEqual([
    "in_port=1 actions=LOCAL",
    "in_port=LOCAL actions=output:1",
  ]);
  expect(new Set(flows.get("br0")?.map(({ cookie }) => cookie)).size).toBe(1);
});

it("reads addresses by interface", () => {
  const addresses = interfaceAddresses.parse(recorded("iproute2/6.15.0/addr.txt"));
  expect(addresses.get("lo")).toEqual(["127.0.0.1/8"]);
  expect(addresses.get("br0")).toEqual(["198.18.0.1/24"]);
});
