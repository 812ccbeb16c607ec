/**
 * What it costs a guest to leave its CPU to the host, and how often a guest does: each kind of exit timed in a guest of its own, without an operating system, beside a system call of the host;
 * then the exits a second of a guest that does nothing, each vCPU by itself. In the table beside ours stands what was published in 2014, with the cores that each would take if every frame
 * of 64 bytes at 10 Gbit/s needed one.
 *
 * Stands up an emulated server, where each exit takes an emulated processor thousands of times as long. For a real host set `connection` as a secret JSON, `housekeepingCpus` and two or more
 * `isolatedCpus` with their `numaNode`, and perhaps `exitCpus`, two of them, and `vnfCpus`. `samples` are of each operation, of which a repetition has `limit`; exits are counted for `duration`.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  ExitCostBenchmark,
  type ExitCostBenchmarkArgs,
  ExitRateBenchmark,
  exitCostTable,
  TunedHost,
  VhostUserVnf,
  type VhostUserVnfArgs,
} from "../components/index.ts";
import { traffic } from "../sdk/index.ts";
import { cpusOf, machineOf } from "./machine.ts";

type Duration = NonNullable<ExitCostBenchmarkArgs["limit"]>;

const config = new pulumi.Config();
const isEmulated = config.get("connection") === undefined;
const numaNode = config.getNumber("numaNode") ?? 1;
const connection = machineOf(config, {
  numaNodes: [
    { cpus: "0-1", memory: "1GiB" },
    { cpus: "2-3", memory: "1GiB" },
  ],
  igbCards: 0,
  bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "irqaffinity=0-1"],
});
const dut = new TunedHost("dut", {
  connection,
  cpus: cpusOf(config, { housekeeping: "0-1", isolated: "2-3" }),
  hugepages: [{ size: "2MiB", count: 128, numaNode }],
});
const program = new traffic.Tool("exits", { host: dut.reference, name: "exits", program: "exits" });
const repetitions = config.getNumber("repetitions") ?? (isEmulated ? 1 : 6);
const exitCpus = config.get("exitCpus") as ExitCostBenchmarkArgs["cpus"];
const cost = new ExitCostBenchmark("exit-cost", {
  ...{ on: dut, program, ...(exitCpus !== undefined && { cpus: exitCpus }) },
  samples: config.getNumber("samples") ?? (isEmulated ? 500 : 100_000),
  repetitions,
  limit: (config.get("limit") ?? (isEmulated ? "10min" : "2min")) as Duration,
});

// It would run on the CPUs that are measured before, which are idle by then.
const vnf = new VhostUserVnf(
  "vnf",
  {
    ...{ host: dut, emulatorCpus: "0", memory: "256MiB", pageSize: "2MiB", numaNode },
    vcpus: (config.get("vnfCpus") ?? "2-3") as VhostUserVnfArgs["vcpus"],
  },
  { dependsOn: cost },
);
const rate = new ExitRateBenchmark("exit-rate", {
  ...{ of: vnf, settle: "5s", repetitions },
  duration: (config.get("duration") ?? (isEmulated ? "10s" : "1min")) as Duration,
});

// An update of chosen targets leaves out what is not there yet.
const compared = cost.results.apply((results) =>
  results === undefined
    ? { rows: [], text: "" }
    : exitCostTable(results, {
        of: "KVM Forum 2014, Haswell 3.2 GHz; getppid() in a guest",
        cycles: { "host.getppid": 1300, "guest.exit.hypercall": "1500-1600", "guest.vmfunc": 150 },
      }),
);
/** Each operation with its median, 99th percentile and cores. */
export const operations = compared.rows;
/** For people: `pulumi stack output table`. */
export const table = compared.text;
/** The records in short. */
export const results = { cost: cost.results, rate: rate.results };
