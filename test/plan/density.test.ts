import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { parseDensity } from "../../sdk/observe/density.ts";
import {
  type DensityHost,
  densityFailure,
  densityRoom,
  firstBroken,
  keptFree,
  outOfTime,
  planDensity,
} from "../../sdk/plan/density.ts";
import { renderDomain } from "../../sdk/plan/domain-xml.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { density } from "../../sdk/schema/density.ts";
import type { HostFacts } from "../../sdk/schema/facts.ts";

const folder = mkdtempSync(join(tmpdir(), "nfvlab-density-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const UNIT = "nfvlab-cafe-many";
const place = { unit: UNIT, tag: "cafe", cpuFlags: new Set<string>() };
const guests = { kind: "guest", kernel: "/k", initramfs: "/i", numaNode: 1, emulatorCpus: "0" };
const inputs = (more: object = {}) =>
  density.inputs.parse({
    ...{ host: { name: "dut", connection: { kind: "local" } }, name: "many", cpus: "2-3" },
    ...{ instances: { kind: "container" }, startTimeout: "2s", duration: "1s", ...more },
  }) as Inputs<typeof density>;
const wakeUps = { latency: { percentile: "50", limit: "1ms", interval: "10ms" } };

/** What the kernel and the tools keep of an instance is files here; real instances are the lab's. */
const FAKES: Readonly<Record<string, string>> = {
  "lxc-execute": `[ "$1" = --version ] && echo 6.0.4 && exit
while [ "$1" != -n ]; do shift; done
echo "execute $2" >> asked
case $2 in *-$(cat broken)) echo "lxc_spawn: Failed to clone a new set of namespaces"; echo "main: Failed"; exit 1 ;; esac
mkdir -p cgroup/lxc.payload.$2 cgroup/lxc.monitor.$2
grep cpus "run/$UNIT/$2/config" > cpus-of-$2
[ -d "run/$UNIT/$2/rootfs/proc" ] || exit 1
echo $$ > cgroup/lxc.payload.$2/cgroup.procs
: > cgroup/lxc.monitor.$2/cgroup.procs
echo "usage_usec 5000" > cgroup/lxc.payload.$2/cpu.stat
exec sleep 60`,
  "lxc-attach": `while [ "$1" != -n ]; do shift; done
one=$2; shift 3
[ -s "cgroup/lxc.payload.$one/cgroup.procs" ] || exit 1
case $one in *-$(cat mute)) [ "$2" != -c ] || [ "$3" != : ] || exit 1 ;; esac
[ "$3" = : ] || echo "usage_usec 15000" > cgroup/lxc.payload.$one/cpu.stat
exec "$@"`,
  cyclictest: `[ "$(cat report)" != none ] || { echo "no wake-ups" >&2; exit 1; }
for word; do case $word in --json=*) cp report "\${word#*=}" ;; esac; done`,
  virsh: `for word; do case $word in -*|qemu:*|10) ;; *) break ;; esac; done
while :; do case $1 in -*) shift ;; qemu:*) shift ;; *) break ;; esac; done
case $1 in
  create) one=$(sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$2"); echo "create $one" >> asked
    case $one in *-$(cat broken)) echo "error: Failed to create domain" >&2; echo "error: cannot allocate memory" >&2; exit 1 ;; esac
    grep vcpupin "$2" > cpus-of-$one; sleep 60 & echo $! > qemu/$one.pid ;;
  qemu-agent-command) shift 3
    case $2 in
      *guest-ping*) case $1 in *-$(cat mute)) echo "error: agent is not connected" >&2; exit 1 ;; esac; echo '{"return":{}}' ;;
      *guest-exec-status*) echo '{"return":{"exitcode":0,"out-data":"'$(base64 -w 0 report)'","exited":true}}' ;;
      *guest-exec*) echo '{"return":{"pid":77}}' ;;
    esac ;;
esac`,
};

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A rung with this folder in the place of the kernel's and libvirt's. */
function start(count: number, of = inputs()) {
  const [program, ...words] = planDensity(of, place).rung(count).argv;
  const argv = words.map((word) =>
    word
      .replaceAll("/sys/fs/cgroup", `${folder}/cgroup`)
      .replaceAll("/run/libvirt/qemu", `${folder}/qemu`)
      .replaceAll("[ -c /dev/kvm ]", "true")
      .replaceAll(`/run/${UNIT}`, `${folder}/run/${UNIT}`),
  );
  const child = spawn(program, argv, {
    env: { ...process.env, PATH: [folder, process.env["PATH"]].join(delimiter) },
    detached: true,
  });
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk: Buffer) => {
      texts[stream] += chunk.toString("utf8");
    });
  const done = new Promise<Ran>((resolve) =>
    child.on("exit", (code) => {
      // systemd ends what is left of a unit; here its process group stands for that.
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {}
      setTimeout(() => resolve({ code: code ?? -1, ...texts }), 50);
    }),
  );
  return { child, done };
}

const put = (file: string, text: string) => writeFileSync(join(folder, file), text);
const asked = () => readFileSync(join(folder, "asked"), "utf8").trim().split("\n");

/** What cyclictest of rt-tests 2.6 writes, as recorded. */
const REPORT = readFileSync(join(import.meta.dirname, "../fixtures/rt-tests/2.60/cyclictest.txt"), "utf8")
  .split("\n")
  .filter((line) => !line.startsWith("#"))
  .join("\n");

beforeEach(() => {
  for (const file of readdirSync(folder)) rmSync(join(folder, file), { recursive: true, force: true });
  for (const made of [`run/${UNIT}`, "cgroup", "qemu"]) mkdirSync(join(folder, made), { recursive: true });
  put("broken", "none");
  put("mute", "none");
  put("asked", "");
  put("report", REPORT);
  for (const [name, text] of Object.entries(FAKES)) {
    put(name, `#!/bin/sh\ncd ${JSON.stringify(folder)}\nUNIT=${UNIT}\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
});

describe.each([
  ["containers", { kind: "container" }, "lxc_spawn: Failed to clone a new set of namespaces"],
  ["guests", guests, "error: cannot allocate memory"],
] as const)("%s beside each other", (_, instances, refusal) => {
  const more = { instances, cpus: "2,4" };

  it("start one after the other, in turn on their CPUs, and are looked at", async () => {
    const ran = await start(3, inputs({ ...more, ...wakeUps })).done;
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const rung = parseDensity(ran.stdout, 3);
    expect(rung.instances.map(({ instance }) => instance)).toEqual([1, 2, 3]);
    expect(rung.instances.every(({ rssBytes, pssBytes }) => rssBytes >= pssBytes && pssBytes > 0)).toBe(true);
    expect(rung.instances.every(({ wakeUps }) => (wakeUps?.cycles ?? 0) > 0)).toBe(true);
    expect([rung.failed, rung.lost]).toEqual([undefined, []]);
    expect([...rung.afterKib.keys()]).toEqual([...rung.beforeKib.keys()]);
    const cpus = [1, 2, 3].map(
      (each) =>
        readFileSync(join(folder, `cpus-of-${UNIT}-instance-${each}`), "utf8").match(/(\d+)"?\/?>?\s*$/)?.[1],
    );
    expect(cpus).toEqual(["2", "4", "2"]);
    if (instances.kind === "container") expect(rung.instances[0]?.cpuShare).toBeGreaterThan(0);
  });

  it("end where one does not start, with what was said", async () => {
    put("broken", "2");
    const ran = await start(4, inputs(more)).done;
    expect(ran.code).toBe(0);
    expect(parseDensity(ran.stdout, 4).failed).toEqual({ instance: 2, how: "start", said: refusal });
    expect(asked()).toHaveLength(2);
  });

  it("end where one does not answer in time", async () => {
    put("mute", "2");
    const ran = await start(3, inputs(more)).done;
    expect(parseDensity(ran.stdout, 3).failed).toMatchObject({ instance: 2, how: "answer" });
  });

  it("end once nobody listens any more", async () => {
    const { child, done } = start(1, inputs({ ...more, duration: "300s" }));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    expect((await done).code).toBe(1);
  }, 60_000);

  it("end when they are told to", async () => {
    const { child, done } = start(1, inputs({ ...more, duration: "300s" }));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    expect((await done).code).toBe(143);
  });
});

describe("a rung", () => {
  it("tells of the instance that ran no wake-ups to the end", async () => {
    put("report", "none");
    const { stdout } = await start(1, inputs(wakeUps)).done;
    expect(parseDensity(stdout, 1).lost).toEqual([{ instance: 1, said: "no wake-ups" }]);
  });

  it("leaves nothing, however its unit ends", async () => {
    for (const instances of [{ kind: "container" }, guests]) {
      const { properties, endSeconds } = planDensity(inputs({ instances }), place).rung(7);
      await expect(`${properties.join("\n")}\n${endSeconds}\n`).toMatchFileSnapshot(
        join(import.meta.dirname, `../golden/density/properties-${instances.kind}.txt`),
      );
      expect(properties.find((property) => property.startsWith("ExecStopPost"))).not.toContain("\n");
    }
  });

  it("is of guests as a Domain makes them, but for the serial port", () => {
    fc.assert(
      fc.property(
        fc.record({
          first: fc.integer({ min: 0, max: 300 }),
          cpu: fc.integer({ min: 0, max: 300 }),
          numaNode: fc.integer({ min: 0, max: 300 }),
          emulator: fc.integer({ min: 0, max: 300 }),
          flags: fc.subarray(["nonstop_tsc", "tsc_deadline_timer"]),
        }),
        ({ first, cpu, numaNode, emulator, flags }) => {
          fc.pre(emulator !== first && emulator !== cpu);
          const instances = { ...guests, numaNode, emulatorCpus: `${emulator}`, pageSize: "2MiB" };
          const of = inputs({ instances, cpus: `${first}` });
          const cpuFlags = new Set(flags);
          const template = planDensity(of, { ...place, cpuFlags }).rung(1).argv[10] ?? "";
          const made = template.replaceAll("@INSTANCE@", "vnf").replaceAll("@CPU@", `${cpu}`);
          expect(made).toBe(
            renderDomain(
              {
                ...{ host: of.host, name: "vnf", memory: "128MiB", pageSize: "2MiB", numaNode },
                ...{ vcpuPins: [`${cpu}`], emulatorCpus: `${emulator}`, serial: "none" },
                boot: { kind: "kernel", kernel: "/k", initramfs: "/i" },
              },
              { tag: "cafe", cpuFlags },
            ),
          );
        },
      ),
    );
  });

  it("of containers is configured as this", async () => {
    const template = planDensity(inputs({ instances: { kind: "container", memory: "32MiB" } }), place).rung(
      1,
    );
    await expect(template.argv[10]).toMatchFileSnapshot(
      join(import.meta.dirname, "../golden/density/container.txt"),
    );
  });
});

describe("a goal of wake-ups", () => {
  it.each([
    [
      { latency: { limit: "1ms" }, duration: "10s" },
      "duration: too few wake-ups to tell which 99.9 % come in time: observed 9998 of each instance in 10 s, expected 10000 or more",
    ],
    [
      { latency: { limit: "1ms", percentile: "max", interval: "1s" }, duration: "1s" },
      "too few wake-ups to tell which is the latest: observed 0 of each instance in 1 s, expected 1 or more",
    ],
    [{ latency: { limit: "2s" }, duration: "20s" }, "latency: wake-ups can't be judged so"],
    [{ latency: { limit: "100ns" }, duration: "20s" }, "not a whole number of us"],
    [{ instances: { ...guests, memory: "127MiB", pageSize: "2MiB" } }, "not a multiple of the page size"],
    [
      { instances: { ...guests, emulatorCpus: "0,3" } },
      "instances.emulatorCpus: QEMU's other threads would run on CPU 3 of guests' vCPUs: observed emulatorCpus 0,3, cpus 2-3, expected disjoint lists",
    ],
  ])("or a memory is refused where it can't be judged: %j", (more, sentence) => {
    expect(() => planDensity(inputs(more), place)).toThrow(sentence);
  });

  it("asks for one thread in each instance", () => {
    const words = planDensity(inputs({ latency: { limit: "5ms" }, duration: "20s" }), place).rung(1).argv;
    expect(words.slice(words.indexOf("cyclictest"))).toEqual([
      ...[
        "cyclictest",
        "--quiet",
        "--mlockall",
        "--policy=fifo",
        "--priority=95",
        "--threads=1",
        "--affinity",
      ],
      ...["--interval=1000", "--duration=20", "--histogram=10000"],
    ]);
  });
});

const node = (node: number, memoryTotalKib: number) => ({ node, memoryTotalKib });
const host = (more: Partial<DensityHost> = {}, emulated = false): DensityHost => ({
  name: "dut",
  facts: {
    identity: { emulated },
    numaNodes: [node(0, 64 * 2 ** 20), node(1, 16 * 2 ** 20)],
  } as unknown as HostFacts,
  available: new Map([
    [0, 60 * 2 ** 20],
    [1, 12 * 2 ** 20],
  ]),
  pools: [{ numaNode: 1, sizeKib: 2048, total: 512, free: 256, surplus: 0 }],
  ...more,
});

describe("the room of a machine", () => {
  it.each([
    [{}, 2, "CPUs, 1 to each of 2"],
    [{ perCpu: 1000, most: 300 }, 300, "instances that are asked for"],
    [
      { perCpu: 1000, instances: { kind: "container", memory: "1GiB" } },
      61,
      "memory on dut beside what is kept free",
    ],
    [
      { perCpu: 1000, instances: { ...guests, memory: "1GiB" } },
      7,
      "memory on node 1 beside what is kept free",
    ],
    [{ perCpu: 9, instances: { ...guests, pageSize: "2MiB" } }, 4, "free pages of 2MiB on node 1"],
    [{ perCpu: 1000, instances: guests, keepFree: "11GiB" }, 5, "memory on node 1 beside what is kept free"],
  ])("%j", (more, most, by) => {
    expect(densityRoom(inputs(more), host())).toEqual({ most, by });
  });

  it("keeps free what the system needs, of small nodes a tenth", () => {
    expect([...keptFree(inputs(), host()).entries()]).toEqual([
      [0, Math.ceil(6.4 * 2 ** 20)],
      [1, 4 * 2 ** 20],
    ]);
    expect([...keptFree(inputs({ instances: guests }), host({}, true)).entries()]).toEqual([
      [1, Math.ceil(1.6 * 2 ** 20)],
    ]);
  });

  it("that there is none of is told", () => {
    expect(() => densityRoom(inputs({ keepFree: "1TiB" }), host())).toThrow(
      "dut has no room for a single container: observed 0 MiB beside what is kept free, 2 CPUs, expected more memory on dut beside what is kept free",
    );
  });

  it("never grows with what is asked of each", () => {
    const mib = fc.integer({ min: 1, max: 4096 });
    fc.assert(
      fc.property(mib, mib, fc.constantFrom("container", "guest"), (a, b, kind) => {
        const of = (memory: number) =>
          densityRoom(
            inputs({
              ...{
                perCpu: 1000,
                instances: { ...(kind === "guest" ? guests : { kind }), memory: `${memory}MiB` },
              },
            }),
            host(),
          ).most;
        expect(of(Math.max(a, b))).toBeLessThanOrEqual(of(Math.min(a, b)));
      }),
    );
  });
});

describe("what did not go well", () => {
  it("is told in sentences", async () => {
    const thrown = (work: () => void) => {
      try {
        work();
      } catch (error) {
        return (error as Error).message;
      }
      return "nothing";
    };
    const alone = (failed: Parameters<typeof firstBroken>[1]["failed"], said?: string) =>
      thrown(() =>
        firstBroken(inputs(), {
          ...(failed && { failed }),
          lost: said === undefined ? [] : [{ instance: 1, said }],
        }),
      );
    const sentences = [
      alone({ instance: 1, how: "start", said: "no such image" }),
      alone({ instance: 1, how: "answer", said: "" }),
      alone(undefined, "can't lock memory"),
      alone(undefined),
      outOfTime(inputs({ limit: "10s" }), []).message,
      outOfTime(inputs(), [
        { count: 1, broke: undefined },
        { count: 2, broke: "late" },
      ]).message,
      densityFailure(inputs({ instances: guests }), { code: 65, stderr: "there is no /dev/kvm\n" }).message,
      densityFailure(inputs(), { code: 65, stderr: "LXC is not installed\n" }).message,
      densityFailure(inputs(), { code: 1, stderr: "" }).message,
    ];
    await expect(`${sentences.join("\n")}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, "../golden/density/failures.txt"),
    );
  });
});
