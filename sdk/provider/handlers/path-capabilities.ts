import { pathCapabilities } from "../../observe/path-capabilities.ts";
import { capabilityTable } from "../../plan/capability-table.ts";
import { getPathCapabilities } from "../../schema/path-capabilities.ts";
import type { FunctionHandler } from "../handler.ts";

export const getPathCapabilitiesHandler: FunctionHandler<typeof getPathCapabilities> = {
  definition: getPathCapabilities,
  call: async (operation, { host }) => {
    const { paths } = await operation.host(host).observeNow({ paths: pathCapabilities });
    return { paths: [...paths], text: capabilityTable(paths) };
  },
};
