import type { CpuPlan } from "../../sdk/plan/cpu-planner/plan.ts";
import type { PlannerFacts } from "../../sdk/plan/cpu-planner/topology.ts";
import type { CpuDemand } from "../../sdk/schema/cpu-demand.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { bytes } from "../../sdk/units/size.ts";

/**
 * The planner's rules once more, from the facts and the finished plan alone: nothing here calls the planner. Each says what is wrong, empty
 * where nothing is; those of `advice` say whether the plan should come with advice of that rule.
 */
export interface Judgement {
  readonly faults: Readonly<Record<string, readonly string[]>>;
  readonly advice: ReadonlySet<string>;
}

const cpus = (text: string): number[] => [...CpuSet.parse(text)];
const overlap = (a: readonly number[], b: readonly number[]) => a.filter((cpu) => b.includes(cpu));
const unique = <T>(items: readonly T[]) => [...new Set(items)];
const same = (a: readonly number[], b: readonly number[]) =>
  CpuSet.of(a).format() === CpuSet.of(b).format() && unique(a).length === unique(b).length;

export function judge(facts: PlannerFacts, demand: CpuDemand, plan: CpuPlan): Judgement {
  const online = facts.cpus.filter((cpu) => cpu.online);
  const info = new Map(online.map((cpu) => [cpu.cpu, cpu]));
  const all = online.map(({ cpu }) => cpu);
  const cpuNodes = unique(online.map(({ numaNode }) => numaNode));
  const nodeOf = (cpu: number) => info.get(cpu)?.numaNode ?? -99;
  const nicNode = (address: string) => {
    const node =
      demand.nics?.[address]?.numaNode ?? facts.nics.find((nic) => nic.address === address)!.numaNode;
    return node === -1 && cpuNodes.length === 1 ? cpuNodes[0]! : node;
  };
  const role = (name: string) =>
    plan.assignments
      .filter((assignment) => assignment.role === name)
      .flatMap((assignment) => cpus(assignment.cpus));

  const vnfs = Object.entries(demand.vnfs ?? {}).map(([name, wanted]) => ({
    name,
    wanted,
    at: plan.vnfs[name]!,
  }));
  const ports = Object.entries(demand.switch?.ports ?? {});
  const chains = Object.values(demand.chains ?? {});
  const pins = (at: (typeof vnfs)[number]["at"]) => at.vcpuPins.flatMap(cpus);
  const pmd = cpus(plan.switch?.pmdCpus ?? "");
  const lcore = cpus(plan.switch?.lcoreCpus ?? "");
  const generators = Object.entries(plan.generators).map(([name, { master, latency, workers }]) => ({
    name,
    cpus: [master, latency, ...cpus(workers)],
  }));
  const loads = Object.entries(plan.coLoads).map(([name, text]) => ({ name, cpus: cpus(text) }));
  const exclusive = [...pmd, ...vnfs.flatMap(({ at }) => pins(at)), ...generators.flatMap((g) => g.cpus)];
  const system = role("housekeeping");
  const isolated = cpus(plan.isolated);
  const housekeeping = cpus(plan.housekeeping);
  const vhost = (wanted: (typeof vnfs)[number]["wanted"]) =>
    Object.values(wanted.nics ?? {}).flatMap((nic) => (nic.kind === "vhost-user" ? [nic.queues ?? 1] : []));
  const affine = ports.flatMap(([, { rxqAffinity = {} }]) => Object.values(rxqAffinity));
  const sharedPmd = pmd.filter((cpu) => !affine.includes(cpu));
  const fifo = vnfs.flatMap(({ wanted, at }) =>
    cpus(wanted.realtime?.vcpus ?? "").flatMap((vcpu) => cpus(at.vcpuPins[vcpu]!)),
  );

  const users = new Map<number, { who: string; tenant: string; exclusive: boolean }[]>();
  const use = (who: string, tenant: string, alone: boolean, list: readonly number[]) => {
    for (const cpu of list) users.set(cpu, [...(users.get(cpu) ?? []), { who, tenant, exclusive: alone }]);
  };
  use("housekeeping", "system", false, system);
  use("pmd", "switch", true, pmd);
  use("lcore", "switch", false, lcore);
  for (const { name, at } of vnfs) {
    use(`vcpu ${name}`, name, true, pins(at));
    use(`emulator ${name}`, name, false, cpus(at.emulatorCpus));
    use(`io ${name}`, name, false, cpus(at.ioThreadCpus));
  }
  for (const { name, cpus: list } of generators) use(`generator ${name}`, name, true, list);
  for (const { name, cpus: list } of loads) use(`load ${name}`, name, false, list);

  const neighbours = online.flatMap(({ cpu, siblings }) =>
    cpus(siblings)
      .filter((sibling) => sibling > cpu && info.has(sibling))
      .flatMap((sibling) =>
        (users.get(cpu) ?? []).flatMap((a) =>
          (users.get(sibling) ?? []).map((b) => ({ cpu, sibling, a, b })),
        ),
      )
      .filter(({ a, b }) => a.who !== b.who && (a.exclusive || b.exclusive)),
  );

  const spans = [
    ...chains.map(({ path, allowCrossNuma }) => {
      const members = vnfs.filter(({ name }) => path.includes(name));
      return {
        allowed:
          allowCrossNuma === true ||
          (members.length > 0 && members.every(({ wanted }) => wanted.allowCrossNuma === true)),
        members,
        nics: ports.filter(([name]) => path.includes(name)).map(([, { nic }]) => nicNode(nic)),
      };
    }),
    ...vnfs
      .filter(({ name }) => !chains.some(({ path }) => path.includes(name)))
      .map((vnf) => ({ allowed: vnf.wanted.allowCrossNuma === true, members: [vnf], nics: [] as number[] })),
  ].map(({ allowed, members, nics }) => ({
    allowed,
    nodes: unique([
      ...nics,
      ...members.flatMap(({ wanted, at }) => [
        ...pins(at).map(nodeOf),
        ...at.cells.map(({ numaNode }) => numaNode),
        ...Object.values(wanted.nics ?? {}).flatMap((nic) =>
          nic.kind === "sr-iov" ? [nicNode(nic.address)] : [],
        ),
      ]),
    ]),
  }));

  const polledNodes = unique(sharedPmd.map(nodeOf));
  const mayCross = (name: string) => {
    const own = chains.filter(({ path }) => path.includes(name));
    return (
      demand.vnfs?.[name]?.allowCrossNuma === true ||
      (own.length > 0 && own.every(({ allowCrossNuma }) => allowCrossNuma === true))
    );
  };
  const unpolledGuests = vnfs.filter(
    ({ wanted, at }) => vhost(wanted).length > 0 && !polledNodes.includes(at.cells[0]!.numaNode),
  );

  // Packet memory from the manual's table, not from the planner's formula.
  const mbuf = (mtu: number) =>
    [
      [998, 1984],
      [2022, 3008],
      [3046, 4032],
      [8166, 9152],
      [9190, 10176],
    ].find(([to]) => mtu <= to!)![1]!;
  const members = [
    ...ports.map(([name, { nic, mtu = 1500, rxQueues = 1 }]) => ({
      name,
      node: nicNode(nic),
      mtu,
      queues: rxQueues,
    })),
    ...vnfs.flatMap(({ name, wanted, at }) =>
      Object.entries(wanted.nics ?? {}).flatMap(([nic, each]) =>
        each.kind === "vhost-user"
          ? [
              {
                name: `${name}/${nic}`,
                node: at.cells[0]!.numaNode,
                mtu: each.mtu ?? 1500,
                queues: each.queues ?? 1,
              },
            ]
          : [],
      ),
    ),
  ];
  const perPort = demand.switch?.memory?.model === "per-port";
  const switchNeeds = (node: number) => {
    const here = members.filter((port) => port.node === node);
    if (perPort) {
      return here.reduce((sum, { mtu, queues }) => {
        const mbufs = queues * 2048 + (unique(pmd).length + 1) * 2048 + queues * 32 + 16_384;
        return sum + mbufs * mbuf(mtu);
      }, 0);
    }
    const sizes = unique(here.map(({ mtu }) => mbuf(mtu)));
    return sizes.reduce((sum, size) => sum + size * (size > 2000 ? 262_144 : 16_384), 0);
  };

  const pages = facts.numaNodes.map(({ node, memoryTotalKib, hugepages }) => {
    const planned = plan.hugepages.filter(({ numaNode }) => numaNode === node);
    const guests = vnfs.flatMap(({ wanted, at }) =>
      at.cells
        .filter(({ numaNode }) => numaNode === node)
        .map(({ memory }) => ({ size: wanted.pageSize, bytes: bytes(memory) })),
    );
    const total = memoryTotalKib * 1024;
    const taken = planned.reduce((sum, { size, count }) => sum + count * bytes(size), 0);
    const kept = hugepages.filter(({ size }) => !planned.some((p) => p.size === size));
    return {
      node,
      touched: planned.length > 0,
      exists: planned.every(({ size }) => hugepages.some((p) => p.size === size)),
      wanted: guests.reduce((sum, guest) => sum + guest.bytes, 0) + switchNeeds(node),
      taken,
      left: total - taken - kept.reduce((sum, { size, total: count }) => sum + count * bytes(size), 0),
      reserve: Math.max(4 * 2 ** 30, total / 10),
      short:
        demand.stage === "start" &&
        planned.some(({ size, count }) => {
          const have = hugepages.find((p) => p.size === size)!;
          return count > have.total || count > have.free;
        }),
    };
  });

  const wrong = (found: boolean, what: string) => (found ? [what] : []);
  const faults: Record<string, string[]> = {
    B01: [
      ...wrong(unique(exclusive).length !== exclusive.length, "two exclusive roles on a CPU"),
      ...overlap(exclusive, [...system, ...loads.flatMap((load) => load.cpus)]).map(
        (cpu) => `CPU ${cpu} is shared`,
      ),
    ],
    B02: cpuNodes.filter((node) => !system.some((cpu) => nodeOf(cpu) === node)).map((node) => `node ${node}`),
    B03: wrong(
      info.has(0) && !(system.includes(0) && housekeeping.includes(0) && !isolated.includes(0)),
      "CPU 0",
    ),
    B04: [
      ...wrong(!same([...isolated, ...housekeeping], all), "not all CPUs"),
      ...overlap(isolated, [...housekeeping, ...system]).map((cpu) => `CPU ${cpu} is both`),
      ...exclusive.filter((cpu) => !isolated.includes(cpu)).map((cpu) => `CPU ${cpu} is not isolated`),
    ],
    B06: [...users.keys(), ...isolated, ...housekeeping, ...affine]
      .filter((cpu) => !info.has(cpu))
      .map((cpu) => `CPU ${cpu}`),
    B07: neighbours
      .filter(({ a, b }) => a.tenant !== b.tenant)
      .map(({ cpu, sibling }) => `${cpu} beside ${sibling}`),
    B09: [
      ...ports.flatMap(([name, { nic, rxQueues = 1, rxqAffinity = {} }]) => [
        ...wrong(
          Object.keys(rxqAffinity).length < rxQueues && !polledNodes.includes(nicNode(nic)),
          `port ${name} is not polled`,
        ),
        ...wrong(
          Object.values(rxqAffinity).some((cpu) => !pmd.includes(cpu) || nodeOf(cpu) !== nicNode(nic)),
          `port ${name} has a wrong affinity`,
        ),
      ]),
      ...unpolledGuests
        .filter(({ name }) => !mayCross(name))
        .map(({ name }) => `guest ${name} is not polled`),
    ],
    B10: spans
      .filter(({ allowed, nodes }) => !allowed && nodes.length > 1)
      .map(({ nodes }) => `nodes ${nodes}`),
    B12: vnfs.flatMap(({ name, wanted, at }) => [
      ...wrong(at.vcpuPins.length !== wanted.vcpus, `${name}: pins`),
      ...wrong(
        at.vcpuPins.some((pin) => cpus(pin).length !== 1),
        `${name}: wide pin`,
      ),
    ]),
    B13: vnfs.flatMap(({ name, wanted, at }) => [
      ...wrong(overlap([...cpus(at.emulatorCpus), ...cpus(at.ioThreadCpus)], isolated).length > 0, name),
      ...wrong(cpus(at.emulatorCpus).length === 0, `${name}: no emulator CPU`),
      ...wrong(wanted.ioThreads !== undefined && at.ioThreadCpus === "", `${name}: no I/O CPU`),
    ]),
    B14: [
      ...fifo.filter((cpu) => !isolated.includes(cpu)).map((cpu) => `CPU ${cpu}`),
      ...wrong(
        vnfs.some(({ wanted }) => wanted.realtime !== undefined && wanted.realtime.throttling === undefined),
        "undecided",
      ),
    ],
    B16: [
      ...wrong(
        plan.switch !== undefined &&
          BigInt(plan.switch.pmdMask) !== unique(pmd).reduce((m, c) => m + 2n ** BigInt(c), 0n),
        "mask",
      ),
      ...wrong(
        demand.switch?.pmd?.mask !== undefined &&
          !same(cpus(CpuSet.fromMask(demand.switch.pmd.mask).format()), pmd),
        "own mask",
      ),
    ],
    B17: overlap(lcore, exclusive).map((cpu) => `CPU ${cpu}`),
    B20: pages.flatMap(({ node, touched, exists, wanted, taken, short }) => [
      ...wrong(taken < wanted, `node ${node}: ${taken} < ${wanted}`),
      ...wrong(touched && !exists, `node ${node}: no such pages`),
      ...wrong(short, `node ${node}: too few at start`),
    ]),
    B21: pages
      .filter(({ touched, left, reserve }) => touched && left < reserve && !facts.identity.emulated)
      .map(({ node }) => `node ${node}`),
    B22: [
      ...ports.map(([, { nic }]) => nic),
      ...vnfs.flatMap(({ wanted }) =>
        Object.values(wanted.nics ?? {}).flatMap((nic) => (nic.kind === "sr-iov" ? [nic.address] : [])),
      ),
      ...Object.values(demand.generators ?? {}).flatMap(({ nics = [] }) => nics),
    ].filter((address) => nicNode(address) < 0),
    B23: wrong(demand.stage === "start" && !same(cpus(facts.kernel.isolatedCpus), isolated), "isolation"),
    B24: (facts.pinnedProcesses ?? [])
      .filter((process) => !all.every((cpu) => cpus(process.cpus).includes(cpu)))
      .filter((process) => overlap(cpus(process.cpus), exclusive).length > 0)
      .map(({ pid }) => `pid ${pid}`),
    B25: Object.entries(demand.generators ?? {})
      .filter(([, { labOnly }]) => labOnly !== true)
      .map(([name]) => name),
    B27: vnfs.flatMap(({ name, wanted, at }) => [
      ...wrong(
        at.cells.reduce((sum, { memory }) => sum + bytes(memory), 0) !== bytes(wanted.memory),
        `${name}: sum`,
      ),
      ...wrong(
        at.cells.some(
          ({ numaNode }) =>
            !facts.numaNodes.some(({ node, memoryTotalKib }) => node === numaNode && memoryTotalKib > 0),
        ),
        `${name}: node`,
      ),
      ...wrong(
        !same(
          at.cells.flatMap(({ vcpus }) => cpus(vcpus)),
          at.vcpuPins.map((_, vcpu) => vcpu),
        ),
        `${name}: vCPUs`,
      ),
    ]),
    B28: vnfs
      .filter(({ wanted, at }) => at.cells.some(({ memory }) => bytes(memory) % bytes(wanted.pageSize) !== 0))
      .map(({ name }) => name),
  };

  const advice = new Set<string>();
  const advise = (rule: string, due: boolean) => {
    if (due) advice.add(rule);
  };
  advise(
    "B05",
    housekeeping.length < 2 && (vnfs.length >= 4 || facts.kernel.arguments.includes("rcu_nocb_poll")),
  );
  const misled = vnfs.some(({ wanted, at }) =>
    at.vcpuPins.some((a, i) =>
      at.vcpuPins.some((b, j) => {
        const width = wanted.threadsPerCore ?? 1;
        const together = cpus(info.get(cpus(a)[0]!)!.siblings).includes(cpus(b)[0]!);
        return i !== j && together !== (Math.floor(i / width) === Math.floor(j / width));
      }),
    ),
  );
  advise("B07", misled || neighbours.some(({ a, b }) => a.tenant === b.tenant));
  advise(
    "B08",
    pmd.some((cpu) =>
      cpus(info.get(cpu)!.siblings).some((sibling) => users.has(sibling) && !pmd.includes(sibling)),
    ),
  );
  advise(
    "B09",
    unpolledGuests.some(({ name }) => mayCross(name)),
  );
  advise(
    "B10",
    spans.some(({ allowed, nodes }) => allowed && nodes.length > 1),
  );
  const cacheOf = (cpu: number) => `${nodeOf(cpu)}/${info.get(cpu)!.lastLevelCache}`;
  advise(
    "B11",
    vnfs.some(({ wanted, at }) =>
      at.cells.some(({ vcpus }) => {
        const used = cpus(vcpus).map((vcpu) => cpus(at.vcpuPins[vcpu]!)[0]!);
        if (unique(used.map(cacheOf)).length < 2) return false;
        const width = wanted.threadsPerCore ?? 1;
        const home = nodeOf(used[0]!);
        const cores = unique(
          online.filter(({ numaNode }) => numaNode === home).map(({ siblings }) => siblings),
        )
          .map(cpus)
          .filter((threads) => threads.length >= width && overlap(threads, system).length === 0);
        return unique(cores.map((threads) => cacheOf(threads[0]!))).some(
          (cache) =>
            cores.filter((threads) => cacheOf(threads[0]!) === cache).length >=
            Math.ceil(used.length / width),
        );
      }),
    ),
  );
  advise(
    "B15",
    vnfs.some(
      ({ wanted }) => wanted.realtime !== undefined && cpus(wanted.realtime.vcpus).length === wanted.vcpus,
    ),
  );
  advise(
    "B18",
    ports.some(([, { nic, rxQueues = 1, rxqAffinity = {} }]) => {
      const threads = sharedPmd.filter((cpu) => nodeOf(cpu) === nicNode(nic)).length;
      return threads > 0 && rxQueues - Object.keys(rxqAffinity).length > threads;
    }),
  );
  advise("B19", pmd.length === 1 && vnfs.some(({ wanted }) => vhost(wanted).some((queues) => queues > 1)));
  const carrying = [
    ...ports.map(([, { nic }]) => nic),
    ...vnfs.flatMap(({ wanted }) =>
      Object.values(wanted.nics ?? {}).flatMap((nic) => (nic.kind === "sr-iov" ? [nic.address] : [])),
    ),
    ...Object.values(demand.generators ?? {}).flatMap(({ nics = [] }) => nics),
  ];
  advise(
    "B26",
    (facts.nicLinks ?? []).some(
      ({ address, width, maxWidth }) => carrying.includes(address) && width < maxWidth,
    ),
  );
  advise("B23", !same(cpus(facts.kernel.isolatedCpus), isolated));
  return { faults, advice };
}
