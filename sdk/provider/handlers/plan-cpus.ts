import { bootArguments } from "../../plan/cpu-planner/boot-arguments.ts";
import { explain } from "../../plan/cpu-planner/explain.ts";
import { planCpus } from "../../plan/cpu-planner/plan.ts";
import { planCpus as definition } from "../../schema/cpu-plan.ts";
import type { FunctionHandler } from "../handler.ts";

export const planCpusHandler: FunctionHandler<typeof definition> = {
  definition,
  call: async (_, { facts, demand }) => {
    const plan = planCpus(facts, demand);
    const { nodes: _nodes, assignments: _assignments, hugepages, ...rest } = plan;
    return {
      ...rest,
      switch: rest.switch && { ...rest.switch, socketMemory: { ...rest.switch.socketMemory } },
      vnfs: Object.fromEntries(
        Object.entries(rest.vnfs).map(([name, { vcpuPins, cells, ...vnf }]) => [
          name,
          { ...vnf, vcpuPins: [...vcpuPins], cells: [...cells] },
        ]),
      ),
      hugepages: hugepages.map(({ numaNode, size, count }) => ({ numaNode, size, count })),
      advice: [...rest.advice],
      bootArguments: [...bootArguments(plan)],
      explanation: explain(plan),
    };
  },
};
