import { createHash } from "node:crypto";
import type { HostReference } from "../schema/connection.ts";
import type { EngineLog } from "./engine.ts";
import type { Host, Operation } from "./handler.ts";
import type { Hosts } from "./host.ts";

/** Status lines closer together than this are dropped: the terminal redraws each of them. */
const STATUS_EVERY_MS = 200;

/** What one call of the engine works with. */
export function startOperation(
  urn: string,
  signal: AbortSignal,
  {
    hosts,
    log,
    results,
    store,
    secrets = [],
  }: { readonly hosts: Hosts; readonly log: EngineLog } & Partial<
    Pick<Operation, "results" | "store" | "secrets">
  >,
): Operation {
  const { project, stack, resourceName } = partsOf(urn);
  let lastStatus = { at: Number.NEGATIVE_INFINITY, text: "" };
  return {
    urn,
    tag: createHash("sha256").update(urn).digest("hex").slice(0, 8),
    project,
    stack,
    resourceName,
    results,
    store,
    secrets,
    signal,
    status: (text) => {
      const now = performance.now();
      if (text === lastStatus.text || now - lastStatus.at < STATUS_EVERY_MS) return;
      lastStatus = { at: now, text };
      log.log("info", text, urn, true);
    },
    warn: (text) => log.log("warning", text, urn),
    host: (reference: HostReference): Host => hosts.open(reference, signal),
  };
}

/** `urn:pulumi:stack::project::parent$type::name`; names may hold `::` themselves. */
function partsOf(urn: string): { stack: string; project: string; resourceName: string } {
  const [prefix = "", project = "", , ...name] = urn.split("::");
  return { stack: prefix.split(":").at(-1) ?? "", project, resourceName: name.join("::") };
}
