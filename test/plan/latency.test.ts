import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseTracing, type Tracing } from "../../sdk/observe/tracing.ts";
import { inUnit } from "../../sdk/plan/benchmarks.ts";
import { planExitCost } from "../../sdk/plan/exit-cost.ts";
import { planExitRate } from "../../sdk/plan/exit-rate.ts";
import { oslatFaults, planOslat, requireUnthrottled } from "../../sdk/plan/oslat.ts";
import { reportingTo } from "../../sdk/plan/report-file.ts";
import { planHwlatdetect, planRtla, requireTracer } from "../../sdk/plan/tracers.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { exitCost, exitRate, hwlatdetect, oslat, rtla } from "../../sdk/schema/latency.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { recorded } from "../observe/recorded.ts";

const common = { host: { name: "dut", connection: { kind: "local" } }, name: "run" } as const;
const onHost = { ...common, subject: { kind: "host", cpus: "3,2" } } as const;
const housekeeping = CpuSet.parse("0-1");

const oslatInputs = (more: object = {}) => oslat.inputs.parse({ ...onHost, ...more }) as Inputs<typeof oslat>;
const rtlaInputs = (more: object) => rtla.inputs.parse({ ...onHost, ...more }) as Inputs<typeof rtla>;
const hwlatInputs = (more: object = {}) =>
  hwlatdetect.inputs.parse({ ...common, cpus: "2-3", ...more }) as Inputs<typeof hwlatdetect>;

/** What a machine of Debian 13 with its real-time kernel said, by the release of rtla. */
const machine = (release: "6.1" | "6.12" | "7.2"): Tracing =>
  parseTracing(recorded(`rtla/${release}/tracing.txt`).stdout);

describe("oslat", () => {
  it("runs a thread on each CPU, and its main thread elsewhere", () => {
    const { command, argv, seconds, repetitions } = planOslat(oslatInputs(), housekeeping);
    expect(command.join(" ")).toBe(
      "oslat --quiet --cpu-list 2-3 --cpu-main-thread 0 --duration 10 --bucket-size 1024",
    );
    expect(argv.slice(4)).toEqual(["--json", ...command]);
    expect([seconds, repetitions]).toEqual([10, 3]);
  });

  it("takes what is asked for", () => {
    const more = { bucketWidth: "100ns", priority: 1, workload: { kind: "memmove", memory: "1MiB" } };
    const { command } = planOslat(oslatInputs({ ...more, duration: "2min" }), CpuSet.empty);
    expect(command.slice(4).join(" ")).toBe(
      "--cpu-main-thread 2 --duration 120 --bucket-size 1024 --bucket-width 100 --rtprio 1 --workload memmove --workload-mem 1024K",
    );
  });

  it.each([
    [undefined, 950_000],
    [1, -1],
    [1, undefined],
  ])("at priority %s with a runtime of %s runs", (priority, runtime) =>
    expect(() => requireUnthrottled(oslatInputs({ priority }), runtime, "dut")).not.toThrow(),
  );

  it("in real time is refused where the kernel would take its CPU away", () => {
    expect(() => requireUnthrottled(oslatInputs({ priority: 1 }), 950_000, "guest vnf")).toThrow(
      "priority: real-time throttling of guest vnf would take the CPU from a thread that polls under SCHED_FIFO, and would be measured: observed kernel.sched_rt_runtime_us 950000, expected -1",
    );
  });

  it("that polled for less than it was to is not trusted", () => {
    const threads = [
      { cpu: 2, seconds: 4.9 },
      { cpu: 3, seconds: 1.234 },
    ];
    expect(oslatFaults(threads, { seconds: 5 })).toEqual([
      "CPU 3 was polled on for 1.23 s of 5 s: the rest went by before its thread knew how fast its counter runs",
    ]);
  });
});

describe("a report that goes to a file", () => {
  const run = (script: string) => {
    const [program, ...args] = reportingTo("--json", ["sh", "-c", script, "sh"]);
    return spawnSync(program, args, { encoding: "utf8" });
  };

  it("is printed, and nothing else", () => {
    const ran = run('echo noise; echo report > "${1#--json=}"');
    expect([ran.status, ran.stdout]).toEqual([0, "report\n"]);
  });

  it("of a program that fails is not printed, and leaves its code and its words", () => {
    const ran = run('echo why >&2; echo half > "${1#--json=}"; echo "$1" >&2; exit 3');
    expect([ran.status, ran.stdout]).toEqual([3, ""]);
    const [why, option = ""] = ran.stderr.split("\n");
    expect(why).toBe("why");
    expect(spawnSync("ls", [option.slice("--json=".length)]).status).not.toBe(0);
  });

  it("ends its program when it is told to end", async () => {
    const [program, ...args] = reportingTo("--json", ["sh", "-c", "echo $$ >&2; exec sleep 600", "sh"]);
    const child = spawn(program, args);
    const [started] = (await once(child.stderr, "data")) as [Buffer];
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([143, null]);
    const left = spawnSync("ps", ["-o", "stat=", "-p", started.toString().trim()], { encoding: "utf8" });
    expect(left.stdout.trim()).toMatch(/^(Z.*)?$/);
  });
});

describe("a program as a unit", () => {
  /** What systemd makes of a word of ExecStart= (systemd.service(5)): two dollars are one, a name in braces is a variable of its own. */
  const asRead = (word: string) =>
    word.replaceAll(/\$(?:\$|\{[^}]*\})/g, (found) => (found === "$$" ? "$" : ""));

  it("keeps the dollars of its script", () => {
    const inputs = exitRate.inputs.parse({ ...common, domain: "vnf" }) as Inputs<typeof exitRate>;
    const { argv } = planExitRate(inputs);
    expect(argv.join("")).toContain("${up%.*}");
    const unit = inUnit("nfvlab-1-exits", 60, argv, ["KillMode=mixed"]);
    expect(unit.slice(-argv.length).map(asRead)).toEqual(argv);
    expect(unit).toContain("--property=KillMode=mixed");
  });
});

describe("hwlatdetect", () => {
  it("is judged by its numbers, so its own limit is out of the way", () => {
    const { command, expected, thresholdNs } = planHwlatdetect(hwlatInputs({ duration: "60s" }));
    expect(command.join(" ")).toBe(
      "hwlatdetect --duration=60s --threshold=10us --hardlimit=1000000000us --window=1000000us --width=500000us --cpu-list=2-3",
    );
    expect([expected, thresholdNs]).toEqual([59, 10_000]);
  });

  it.each([{ width: "1s" }, { window: "20s" }])("with %o is refused", (more) =>
    expect(() => planHwlatdetect(hwlatInputs(more))).toThrow("expected width < window <= duration"),
  );
});

describe("rtla", () => {
  const timerlat = { tracer: { kind: "timerlat" } };
  const command = (inputs: object, release: "6.1" | "6.12" | "7.2") =>
    planRtla(rtlaInputs(inputs), housekeeping, machine(release)).command.join(" ");

  it("of each release is asked with the options that it has", () => {
    const asked = "--bucket-size 1 --entries 100000 --period 1000 --priority f:95 --dma-latency 0";
    expect(command(timerlat, "6.1")).toBe(`rtla timerlat hist --cpus 2-3 --duration 10s ${asked}`);
    for (const release of ["6.12", "7.2"] as const)
      expect(command(timerlat, release)).toBe(
        `rtla timerlat hist --cpus 2-3 --house-keeping 0-1 --duration 10s ${asked} --no-aa --kernel-threads`,
      );
    expect(command({ tracer: { kind: "timerlat", threads: "user" } }, "6.12")).toMatch(/--user-threads$/);
  });

  it("of 6.1 wakes up no threads of its own", () => {
    expect(() => command({ tracer: { kind: "timerlat", threads: "user" } }, "6.1")).toThrow(
      "tracer.threads: this rtla wakes up no threads of its own: observed rtla 6.1, expected 6.6 or later",
    );
  });

  it("looks for noise with its own times, which fit each other", () => {
    const tracer = { kind: "osnoise", period: "500ms", runtime: "400ms", threshold: "5us", priority: 1 };
    expect(command({ tracer, histogramMax: "1ms" }, "6.12")).toBe(
      "rtla osnoise hist --cpus 2-3 --house-keeping 0-1 --duration 10s --bucket-size 1 --entries 1000 --period 500000 --runtime 400000 --threshold 5 --priority f:1",
    );
    expect(() => command({ tracer: { ...tracer, runtime: "1s" } }, "6.12")).toThrow(
      "tracer.runtime: a thread can't run longer than its period: observed runtime 1s, period 500ms",
    );
  });

  it("counts on the samples that a schedule asks for, but for its own start and end", () => {
    const plan = (inputs: object) => planRtla(rtlaInputs(inputs), housekeeping, machine("6.12")).expected;
    expect(plan({ ...timerlat, duration: "10s" })).toBe(9798);
    expect(plan({ tracer: { kind: "osnoise" } })).toBe(0);
  });
});

describe("a tracer", () => {
  const seen = machine("6.12");

  it("that is there is taken", () => {
    for (const tracer of ["hwlat", "timerlat", "osnoise"] as const)
      expect(() => requireTracer(tracer, seen, "dut")).not.toThrow();
  });

  it.each([
    [
      "hwlat",
      { available: ["blk", "function", "nop"], kernel: "6.12.117+deb13-amd64" },
      "the kernel of dut has no tracer hwlat: observed kernel 6.12.117+deb13-amd64 with blk, function, nop, expected a kernel built with CONFIG_HWLAT_TRACER",
    ],
    [
      "timerlat",
      { available: undefined },
      "no tracefs that can be read, expected a kernel built with CONFIG_TIMERLAT_TRACER",
    ],
    ["osnoise", { available: ["nop"] }, "expected a kernel built with CONFIG_OSNOISE_TRACER"],
    [
      "hwlat",
      { current: "function" },
      "somebody traces on dut already, and hwlatdetect would end that: observed current_tracer function",
    ],
    [
      "osnoise",
      { switches: ["NO_DEFAULTS", "NO_OSNOISE_WORKLOAD"] },
      "the tracer osnoise of dut runs no thread, so it would see no noise: observed NO_OSNOISE_WORKLOAD among osnoise/options, expected OSNOISE_WORKLOAD",
    ],
    [
      "hwlat",
      { hwlatdetect: false },
      "dut lacks hwlatdetect: observed no hwlatdetect in its path; install the package rt-tests there",
    ],
    [
      "timerlat",
      { rtla: undefined },
      "dut lacks rtla: observed no rtla in its path; install the package rtla there",
    ],
  ] as const)("%s with %o is refused", (tracer, more, sentence) =>
    expect(() => requireTracer(tracer, { ...seen, ...more }, "dut")).toThrow(sentence),
  );
});

describe("exits of a guest", () => {
  it("are looked at once a second, after it has settled", () => {
    const inputs = exitRate.inputs.parse({ ...common, domain: "vnf", duration: "1min" }) as Inputs<
      typeof exitRate
    >;
    const { argv, command, seconds } = planExitRate(inputs);
    expect(command.join(" ")).toBe("virsh --readonly --quiet --connect qemu:///system domstats --vcpu vnf");
    expect(argv.slice(3, 6)).toEqual(["sh", "5", "60"]);
    expect(seconds).toBe(65);
  });
});

describe("the cost of an exit", () => {
  const inputs = (more: object = {}) =>
    exitCost.inputs.parse({ ...common, cpus: "3,2", program: "/opt/nfvlab-exits", ...more }) as Inputs<
      typeof exitCost
    >;

  it("is timed by a guest on KVM and nothing else, with QEMU's own threads elsewhere", () => {
    const { argv, command, seconds, repetitions, properties } = planExitCost(inputs(), housekeeping);
    expect(command.join(" ")).toBe(
      "qemu-system-x86_64 -no-user-config -nodefaults -machine q35 -accel kvm -cpu host -smp 2 -m 32 -display none -no-reboot -name nfvlab-exits,debug-threads=on " +
        "-kernel /opt/nfvlab-exits -append samples=100000 -device isa-debug-exit,iobase=0xf4,iosize=4",
    );
    expect(argv.slice(3, 10)).toEqual(["sh", "/opt/nfvlab-exits", "100000", "2", "3", "0-1", "120"]);
    expect(argv.slice(10)).toEqual(command.slice(1));
    expect([seconds, repetitions, properties]).toEqual([180, 3, ["RuntimeDirectory=nfvlab-exits"]]);
  });

  it("takes what is asked for, and its own CPUs where no other is known", () => {
    const { argv } = planExitCost(inputs({ samples: 500, limit: "30s" }), CpuSet.empty);
    expect(argv.slice(5, 10)).toEqual(["500", "2", "3", "2-3", "30"]);
  });

  it.each(["2", "2-4"])("is refused on CPUs %s", (cpus) =>
    expect(() => planExitCost(inputs({ cpus }), housekeeping)).toThrow(
      `cpus: the guest has two vCPUs, one that times and one that is notified: observed ${cpus}, expected two CPUs`,
    ),
  );

  it.each([
    ["without KVM", "", 65, "there is no /dev/kvm: load kvm_intel or kvm_amd"],
    ["where QEMU fails", "#!/bin/sh\necho 'no such machine' >&2; exit 1\n", 1, "no such machine"],
    ["where the guest does not end", "#!/bin/sh\nexec sleep 60\n", 67, "the guest did not end within 2 s"],
  ])("ends %s, and says why", (_, qemu, code, words) => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-exit-cost-"));
    const program = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o755 });
    program("nfvlab-exits", "#!/bin/sh\n");
    program("qemu-system-x86_64", qemu);
    try {
      const plan = planExitCost(
        inputs({ cpus: "0-1", program: join(folder, "nfvlab-exits"), limit: "2s" }),
        CpuSet.empty,
      );
      // A CPU that every machine has, and a device that is there or not.
      const script = plan.argv[2]?.replace("/dev/kvm ]", qemu === "" ? "/dev/none ]" : "/dev/null ]") ?? "";
      const [file, samples] = plan.argv.slice(4);
      const ran = spawnSync("sh", ["-c", script, "sh", ...[file ?? "", samples ?? "", "0", "0", "0", "2"]], {
        encoding: "utf8",
        env: { PATH: `${folder}:${process.env["PATH"]}`, RUNTIME_DIRECTORY: folder },
      });
      expect([ran.status, ran.stderr.trim(), ran.stdout]).toEqual([code, words, ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
