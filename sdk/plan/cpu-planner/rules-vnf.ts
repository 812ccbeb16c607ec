import { CpuSet } from "../../units/cpuset.ts";
import { bytes } from "../../units/size.ts";
import { cpusOf, type Draft, nodesInWords, nodesOf, type PlacedVnf } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { threadsOf } from "./node-choice.ts";
import type { Rule } from "./rules-cpus.ts";

/** One thing of a chain, and the nodes that it lies on. */
interface Place {
  readonly what: string;
  readonly nodes: readonly number[];
}

function placesOf({ topology, nodeOfNic }: Draft, { name, demand, pins, cells }: PlacedVnf): Place[] {
  const nics = byName(demand.nics).flatMap(([, nic]): Place[] => {
    const node = nic.kind === "sr-iov" ? nodeOfNic(nic.address) : "unknown";
    return nic.kind === "sr-iov" && typeof node === "number"
      ? [{ what: `NIC ${nic.address}`, nodes: [node] }]
      : [];
  });
  const memory = [...new Set(cells.flatMap(({ numaNode }) => numaNode ?? []))].sort((a, b) => a - b);
  return [
    {
      what: `VNF ${name}: vCPUs`,
      nodes: nodesOf(
        topology,
        pins.flatMap((pin) => [...pin]),
      ),
    },
    { what: "huge pages", nodes: memory },
    ...nics,
  ];
}

/** vCPUs, memory, NICs and what polls them lie on one node, chain by chain; a VNF of no chain is one by itself. */
export const chainsOnOneNode: Rule = (draft) => {
  const { demand, ports, vnfs } = draft;
  const chained = new Set(Object.values(demand.chains ?? {}).flatMap(({ path }) => path));
  const alone = vnfs.filter(({ name }) => !chained.has(name));
  const chains = [
    ...byName(demand.chains).map(([name, { path, allowCrossNuma }]) => {
      const members = vnfs.filter((vnf) => path.includes(vnf.name));
      return {
        property: `chains.${name}`,
        what: `chain ${name}`,
        allowed:
          allowCrossNuma === true ||
          (members.length > 0 && members.every((vnf) => vnf.demand.allowCrossNuma === true)),
        places: [
          ...members.flatMap((vnf) => placesOf(draft, vnf)),
          ...ports
            .filter((port) => path.includes(port.name))
            .map(({ demand: { nic }, numaNode }) => ({
              what: `NIC ${nic}`,
              nodes: numaNode === undefined ? [] : [numaNode],
            })),
        ],
      };
    }),
    ...alone.map((vnf) => ({
      property: `vnfs.${vnf.name}`,
      what: `VNF ${vnf.name}`,
      allowed: vnf.demand.allowCrossNuma === true,
      places: placesOf(draft, vnf),
    })),
  ];
  return chains.flatMap(({ property, what, allowed, places }): Finding[] => {
    const nodes = [...new Set(places.flatMap((place) => place.nodes))].sort((a, b) => a - b);
    if (nodes.length < 2) return [];
    return [
      {
        rule: "B10",
        severity: allowed ? "advice" : "error",
        property,
        problem: `${what} crosses ${nodesInWords(nodes)}`,
        observed: places
          .filter((place) => place.nodes.length > 0)
          .map((place) => `${place.what} on ${nodesInWords(place.nodes)}`)
          .join(", "),
        expected: "all on one node",
        hint: allowed
          ? "allowCrossNuma permits it: expect less throughput and more latency"
          : "move the VNF or the port, or say allowCrossNuma",
      },
    ];
  });
};

export const oneCacheWhereItFits: Rule = ({ topology, claims, vnfs }) => {
  const system = cpusOf(claims, "housekeeping");
  return vnfs.flatMap(({ name, demand, cells, pins }) =>
    cells.flatMap(({ vcpus }): Finding[] => {
      const cores = [...vcpus].flatMap((vcpu) => topology.coreOf.get(pins[vcpu]?.first ?? -1) ?? []);
      const caches = [...new Set(cores.map(({ cache }) => cache))];
      const node = topology.nodes.find(({ numaNode }) => numaNode === cores[0]?.numaNode);
      const needed = Math.ceil(vcpus.size / threadsOf(demand));
      const room = (node?.caches ?? []).find(
        (cache) =>
          cache.cores.filter(
            ({ cpus }) => cpus.length >= threadsOf(demand) && !cpus.some((cpu) => system.has(cpu)),
          ).length >= needed,
      );
      if (caches.length < 2 || room === undefined) return [];
      return [
        {
          rule: "B11",
          severity: "advice",
          property: `vnfs.${name}`,
          problem: `VNF ${name} spans LLC ${caches.map(({ cpus }) => cpus).join(" and ")}`,
          observed: `vCPUs behind ${caches.length} last-level caches`,
          expected: `one: that of CPUs ${room.cpus} has ${needed} cores or more`,
          hint: "pin it behind one cache, or free cores there",
        },
      ];
    }),
  );
};

export const oneCpuPerVcpu: Rule = ({ vnfs, findings }) =>
  vnfs.flatMap(({ name, demand, pins }): Finding[] => {
    if (findings.some(({ rule, property }) => rule === "cores" && property === `vnfs.${name}.vcpus`))
      return [];
    const wide = pins.flatMap((pin, vcpu): Finding[] =>
      pin.size === 1
        ? []
        : [
            {
              rule: "B12",
              severity: "error",
              property: `vnfs.${name}.pins[${vcpu}]`,
              problem: `VNF ${name}: vCPU ${vcpu} pinned to ${pin}; isolated CPUs are not load-balanced, pin to one CPU`,
              observed: pin.format(),
              expected: "one CPU",
              hint: "name the one CPU that it is to run on",
            },
          ],
    );
    const doubled = pins.flatMap((pin, vcpu): Finding[] => {
      const other = pins.findIndex((earlier, at) => at < vcpu && earlier.intersect(pin).size > 0);
      return other < 0
        ? []
        : [
            {
              rule: "B12",
              severity: "error",
              property: `vnfs.${name}.pins[${vcpu}]`,
              problem: `VNF ${name}: vCPUs ${other} and ${vcpu} are pinned to one CPU`,
              observed: `${pins[other]} and ${pin}`,
              expected: "a CPU for each",
              hint: "give each vCPU a CPU of its own",
            },
          ];
    });
    if (pins.length === demand.vcpus) return [...wide, ...doubled];
    return [
      ...wide,
      ...doubled,
      {
        rule: "B12",
        severity: "error",
        property: `vnfs.${name}.pins`,
        problem: `VNF ${name}: not one pin for each vCPU`,
        observed: `${pins.length} pins for ${demand.vcpus} vCPUs`,
        expected: `${demand.vcpus} pins`,
        hint: "add or take away pins, or leave all of them out",
      },
    ];
  });

export const emulatorOffIsolated: Rule = ({ vnfs, isolated }) =>
  vnfs.flatMap(({ name, emulator, ioThreads }) => {
    const finding = (what: string, property: string, cpus: CpuSet): Finding[] => {
      const wrong = cpus.intersect(isolated);
      if (wrong.size === 0) return [];
      return [
        {
          rule: "B13",
          severity: "error",
          property: `vnfs.${name}.${property}.cpus`,
          problem: `VNF ${name}: ${what} threads on isolated CPU ${wrong}`,
          observed: `${cpus}, isolated ${isolated}`,
          expected: "CPUs that are not isolated",
          hint: "choose housekeeping CPUs of its node",
        },
      ];
    };
    return [...finding("emulator", "emulator", emulator), ...finding("I/O", "ioThreads", ioThreads)];
  });

/** A FIFO thread that never sleeps keeps everything else off its CPU, the kernel's own threads among it. */
export const fifoOnIsolated: Rule = ({ vnfs, isolated }) =>
  vnfs.flatMap(({ name, demand: { realtime }, pins }): Finding[] => {
    if (realtime === undefined) return [];
    const exposed = [...CpuSet.parse(realtime.vcpus)].flatMap((vcpu): Finding[] => {
      const cpus = pins[vcpu]?.minus(isolated);
      if (cpus === undefined || cpus.size === 0) return [];
      return [
        {
          rule: "B14",
          severity: "error",
          property: `vnfs.${name}.realtime.vcpus`,
          problem: `VNF ${name}: fifo vCPU ${vcpu} on non-isolated CPU ${cpus} can stop the host`,
          observed: `isolated ${isolated.format() || "none"}`,
          expected: `CPU ${cpus} isolated`,
          hint: "pin the vCPU to an isolated CPU, or leave it out of realtime",
        },
      ];
    });
    if (realtime.throttling !== undefined) return exposed;
    return [
      ...exposed,
      {
        rule: "B14",
        severity: "error",
        property: `vnfs.${name}.realtime.throttling`,
        problem: `VNF ${name}: fifo vCPUs, and nothing decided on real-time throttling`,
        observed: "undefined",
        expected: "kept or off",
        hint: "kept lets the system in for 5 % of the time, which a guest sees as latency; off trusts the guest to sleep",
      },
    ];
  });

export const oneVcpuForTheGuest: Rule = ({ vnfs }) =>
  vnfs.flatMap(({ name, demand: { realtime, vcpus } }): Finding[] =>
    realtime === undefined || CpuSet.parse(realtime.vcpus).size < vcpus
      ? []
      : [
          {
            rule: "B15",
            severity: "advice",
            property: `vnfs.${name}.realtime.vcpus`,
            problem: `VNF ${name}: all vCPUs fifo; guest housekeeping may starve QEMU`,
            observed: realtime.vcpus,
            expected: `fewer than ${vcpus} of the vCPUs`,
            hint: "leave vCPU 0 to the guest's own housekeeping",
          },
        ],
  );

export const cellsAreTheMemory: Rule = ({ facts, vnfs }) => {
  const withMemory = facts.numaNodes
    .filter(({ memoryTotalKib }) => memoryTotalKib > 0)
    .map(({ node }) => node);
  return vnfs.flatMap(({ name, demand, cells }): Finding[] => {
    const findings: Finding[] = [];
    const report = (property: string, problem: string, observed: string, expected: string, hint: string) => {
      findings.push({ rule: "B27", severity: "error", property, problem, observed, expected, hint });
    };
    for (const [cell, { numaNode }] of cells.entries()) {
      if (numaNode === undefined || withMemory.includes(numaNode)) continue;
      const property = `vnfs.${name}.cells[${cell}].numaNode`;
      report(
        property,
        `VNF ${name}: cell ${cell} has no memnode`,
        `node ${numaNode}`,
        `a node with memory: ${nodesInWords(withMemory)}`,
        "name a node of the machine that has memory",
      );
    }
    if (demand.cells === undefined) return findings;
    const sum = cells.reduce((total, { memory }) => total + bytes(memory), 0);
    if (sum !== bytes(demand.memory)) {
      report(
        `vnfs.${name}.cells`,
        `VNF ${name}: its cells are not its memory`,
        `${sum / 2 ** 20} MiB in cells`,
        `${bytes(demand.memory) / 2 ** 20} MiB`,
        "let the cells' memory add up to memory",
      );
    }
    const vcpus = cells.flatMap((cell) => [...cell.vcpus]).sort((a, b) => a - b);
    if (vcpus.join() !== Array.from({ length: demand.vcpus }, (_, vcpu) => vcpu).join()) {
      report(
        `vnfs.${name}.cells`,
        `VNF ${name}: its cells do not hold each vCPU once`,
        cells.map((cell) => cell.vcpus.format()).join(" | "),
        `each of 0-${demand.vcpus - 1} in one cell`,
        "give each vCPU one cell",
      );
    }
    return findings;
  });
};

export const cellsInWholePages: Rule = ({ vnfs }) =>
  vnfs.flatMap(({ name, demand: { pageSize, cells: named }, cells }) =>
    cells.flatMap(({ memory }, cell): Finding[] =>
      bytes(memory) > 0 && bytes(memory) % bytes(pageSize) === 0
        ? []
        : [
            {
              rule: "B28",
              severity: "error",
              property: named === undefined ? `vnfs.${name}.memory` : `vnfs.${name}.cells[${cell}].memory`,
              problem: `VNF ${name}: ${bytes(memory) / 2 ** 20} MiB is not a multiple of ${pageSize}`,
              observed: memory,
              expected: `a multiple of ${pageSize}`,
              hint: "round the memory, or choose smaller pages",
            },
          ],
    ),
  );
