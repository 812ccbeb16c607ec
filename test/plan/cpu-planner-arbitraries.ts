import fc from "fast-check";
import type { PlannerFacts } from "../../sdk/plan/cpu-planner/topology.ts";
import type { CpuDemand, PortDemand, VnfDemand } from "../../sdk/schema/cpu-demand.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { factsOf, type MachineCore } from "./cpu-planner-machines.ts";

const sometimes = <T>(arbitrary: fc.Arbitrary<T>, weight = 3) =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Leaves out what is undefined: absent and undefined are two things to a strict demand. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never;
}

/** Up to 8 nodes and 512 CPUs: 1, 2 or 4 threads a core, any numbering with gaps, CPUs that are off, memory without CPUs, NICs that nobody places. */
export const machines: fc.Arbitrary<PlannerFacts> = fc
  .record({
    threads: fc.constantFrom(1, 2, 2, 4),
    nodes: fc.array(
      fc.record({
        caches: fc.integer({ min: 1, max: 4 }),
        cores: fc.integer({ min: 1, max: 16 }),
        idGap: fc.integer({ min: 0, max: 1 }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    numbering: fc.constantFrom("threads far", "threads near", "nodes in turn"),
    gaps: fc.array(fc.tuple(fc.nat(600), fc.integer({ min: 1, max: 40 })), { maxLength: 3 }),
    offline: fc.oneof(fc.constant([]), fc.array(fc.nat(511), { maxLength: 40 })),
    memoryNode: fc.boolean(),
    nics: fc.array(fc.integer({ min: -1, max: 8 }), { maxLength: 5 }),
    kernelArguments: fc.constantFrom("quiet", "rcu_nocb_poll"),
    pinned: sometimes(fc.array(fc.nat(511), { minLength: 1, maxLength: 3 }), 6),
    narrow: fc.boolean(),
  })
  .map(({ threads, nodes, numbering, gaps, offline, memoryNode, nics, kernelArguments, pinned, narrow }) => {
    // No more than 512 CPUs: caches shrink evenly on large machines.
    const wanted = nodes.reduce((sum, { caches, cores }) => sum + caches * cores * threads, 0);
    const scale = Math.min(1, 512 / wanted);
    let id = -1;
    const places = nodes.flatMap(({ caches, cores, idGap }) => {
      id += 1 + idGap;
      const numaNode = id;
      return Array.from({ length: caches }, (_, cache) =>
        Array.from({ length: Math.max(1, Math.floor(cores * scale)) }, () => ({
          numaNode,
          cache: `${numaNode}.${cache}`,
        })),
      ).flat();
    });
    const order = places.map((_, at) => at);
    if (numbering === "nodes in turn") order.sort((a, b) => (a % nodes.length) - (b % nodes.length) || a - b);
    const dense = (core: number, thread: number) =>
      numbering === "threads near" ? core * threads + thread : thread * places.length + core;
    const spread = (number: number) =>
      number + gaps.reduce((sum, [at, width]) => sum + (number >= at ? width : 0), 0);
    const cores: MachineCore[] = places.map((place, at) => ({
      ...place,
      cpus: Array.from({ length: threads }, (_, thread) => spread(dense(order[at]!, thread))),
    }));
    const every = cores.flatMap(({ cpus }) => cpus).sort((a, b) => a - b);
    const off = (offline as readonly number[])
      .map((at) => every[at % every.length]!)
      .slice(0, every.length - 1);
    const ids = [...new Set(places.map(({ numaNode }) => numaNode))];
    const memory = [...ids, ...(memoryNode ? [id + 1] : [])];
    const facts = factsOf({
      cores,
      nodes: memory.map((node) => ({ node, memoryMib: 128 * 1024 })),
      offline: off,
      nics: Object.fromEntries(
        nics.map((node, at) => [`0000:0${at}:00.0`, node < 0 ? -1 : ids[node % ids.length]!]),
      ),
      kernelArguments,
    });
    const somebody = [...(pinned ?? [])].map((at) => every[at % every.length]!);
    return {
      ...facts,
      pinnedProcesses:
        pinned === undefined ? [] : [{ pid: 77, command: "qemu", cpus: CpuSet.of(somebody).format() }],
      nicLinks: narrow
        ? [
            {
              address: "0000:00:00.0",
              width: 4,
              maxWidth: 8,
              speed: "8.0 GT/s PCIe",
              maxSpeed: "8.0 GT/s PCIe",
            },
          ]
        : [],
    };
  });

const names = ["a", "B", "vnf2", "vnf10", "x.1", "z-9"];
const mtu = sometimes(fc.constantFrom(900, 1500, 3000, 8000, 9000));

const vnf = (nodes: readonly number[], nics: readonly string[]): fc.Arbitrary<VnfDemand> =>
  fc
    .record({
      cores: fc.integer({ min: 1, max: 5 }),
      threadsPerCore: fc.constantFrom(undefined, undefined, undefined, 1 as const, 2 as const, 4 as const),
      memory: fc.constantFrom("1GiB", "2GiB", "3GiB") as fc.Arbitrary<VnfDemand["memory"]>,
      pageSize: fc.constantFrom("1GiB" as const, "2MiB" as const),
      io: sometimes(fc.integer({ min: 1, max: 3 })),
      realtime: sometimes(fc.nat(5)),
      cells: sometimes(fc.constantFrom(...nodes, undefined), 6),
      vhost: fc.array(fc.record({ queues: sometimes(fc.integer({ min: 1, max: 4 })), mtu }), {
        maxLength: 2,
      }),
      passthrough: nics.length === 0 ? fc.constant(undefined) : sometimes(fc.constantFrom(...nics), 8),
      numaNode: sometimes(fc.constantFrom(...nodes)),
      allowCrossNuma: fc.constantFrom(undefined, undefined, false, true),
    })
    .map(
      ({
        cores,
        memory,
        pageSize,
        io,
        realtime,
        cells,
        vhost,
        passthrough,
        numaNode,
        ...rest
      }): VnfDemand => {
        const vcpus = cores * (rest.threadsPerCore ?? 1);
        const half = memory === "2GiB" && vcpus > 1 && cells !== undefined;
        return present({
          ...rest,
          vcpus,
          memory,
          pageSize,
          numaNode,
          ioThreads: io === undefined ? undefined : { count: io },
          realtime:
            realtime === undefined
              ? undefined
              : { vcpus: CpuSet.of([realtime % vcpus, vcpus - 1]).format(), throttling: "kept" as const },
          cells: half
            ? [
                { vcpus: "0", memory: "1GiB" as const },
                present({
                  vcpus: CpuSet.of(Array.from({ length: vcpus - 1 }, (_, at) => at + 1)).format(),
                  memory: "1GiB" as const,
                  numaNode: cells,
                }),
              ]
            : undefined,
          nics: {
            ...Object.fromEntries(
              vhost.map((nic, at) => [`lan${at}`, { kind: "vhost-user" as const, ...present(nic) }]),
            ),
            ...(passthrough !== undefined && { vf: { kind: "sr-iov" as const, address: passthrough } }),
          },
        }) as VnfDemand;
      },
    );

/** What somebody may ask of a machine: mostly what it can give, sometimes not. */
export const demands = (facts: PlannerFacts): fc.Arbitrary<CpuDemand> => {
  const nodes = [...new Set(facts.cpus.filter(({ online }) => online).map(({ numaNode }) => numaNode))];
  const nics = facts.nics.map(({ address }) => address);
  const port: fc.Arbitrary<Omit<PortDemand, "nic">> = fc
    .record({ rxQueues: sometimes(fc.integer({ min: 1, max: 5 })), mtu })
    .map(present);
  return fc
    .record({
      coresPerNode: sometimes(fc.integer({ min: 1, max: 2 })),
      overridden: fc.boolean(),
      ports: fc.array(port, { maxLength: nics.length }),
      siblings: sometimes(fc.constantFrom("poll" as const, "idle" as const)),
      coresPerPort: sometimes(fc.integer({ min: 1, max: 2 }), 6),
      model: sometimes(fc.constantFrom("shared" as const, "per-port" as const)),
      reservePages: sometimes(fc.integer({ min: 0, max: 2 })),
      vnfs: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), vnf(nodes, nics)), {
        maxLength: 5,
        selector: ([name]) => name,
      }),
      paths: fc.array(fc.tuple(fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }), fc.boolean()), {
        maxLength: 2,
      }),
      generator: sometimes(
        fc
          .record({ workers: fc.integer({ min: 1, max: 3 }), numaNode: sometimes(fc.constantFrom(...nodes)) })
          .map(present),
      ),
      loads: fc.array(
        fc
          .record({
            numaNode: fc.constantFrom(...nodes),
            cpuCount: sometimes(fc.integer({ min: 1, max: 4 }), 1),
          })
          .map(present),
        { maxLength: 1 },
      ),
      spare: sometimes(fc.integer({ min: 0, max: 3 })),
    })
    .map((wish): CpuDemand => {
      const ports = Object.fromEntries(wish.ports.map((each, at) => [`p${at}`, { ...each, nic: nics[at]! }]));
      const hops = [...Object.keys(ports), ...wish.vnfs.map(([name]) => name)];
      const chains = hops.length === 0 ? [] : wish.paths;
      return present({
        housekeeping: wish.coresPerNode === undefined ? undefined : { coresPerNode: wish.coresPerNode },
        nics: wish.overridden
          ? Object.fromEntries(nics.map((nic) => [nic, { numaNode: nodes[0]! }]))
          : undefined,
        switch: {
          ports,
          pmd: present({ siblings: wish.siblings, coresPerPort: wish.coresPerPort }),
          memory: present({ model: wish.model, reservePages: wish.reservePages }),
        },
        vnfs: Object.fromEntries(wish.vnfs),
        chains: Object.fromEntries(
          chains.map(([path, allowCrossNuma], at) => [
            `c${at}`,
            { path: path.map((hop) => hops[hop % hops.length]!), allowCrossNuma },
          ]),
        ),
        generators: wish.generator === undefined ? undefined : { trex: { ...wish.generator, labOnly: true } },
        coLoads: Object.fromEntries(wish.loads.map((load, at) => [`noise${at}`, load])),
        sparePages: wish.spare === undefined ? undefined : { "1GiB": wish.spare },
      }) as CpuDemand;
    });
};

/** A machine and what somebody asks of it. */
export const labs: fc.Arbitrary<readonly [facts: PlannerFacts, demand: CpuDemand]> = machines.chain((facts) =>
  demands(facts).map((demand) => [facts, demand] as const),
);
