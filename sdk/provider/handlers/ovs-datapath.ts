import { answering, ovsDatabase, ovsLiveness, polling } from "../../observe/ovs.ts";
import { pmdPerformance } from "../../observe/ovs-performance.ts";
import { datapathOf } from "../../plan/ovs-datapath.ts";
import { getDatapath } from "../../schema/ovs-datapath.ts";
import type { FunctionHandler } from "../handler.ts";

const probes = { database: ovsDatabase, live: ovsLiveness, polling, performance: pmdPerformance };

export const getDatapathHandler: FunctionHandler<typeof getDatapath> = {
  definition: getDatapath,
  call: async (operation, { host }) => {
    const { database, live, ...pmds } = await operation.host(host).observeNow(probes);
    return datapathOf(answering(database, live), pmds);
  },
};
