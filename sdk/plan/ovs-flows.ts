import type { ObservedDatabase, ObservedFlow } from "../observe/ovs.ts";
import type { OvsFlow } from "../schema/ovs-flow.ts";
import { checkFlow, PortMissing, type PortNumbers, renderFlow } from "./ovs-flow.ts";
import type { Step } from "./step.ts";

const PROTOCOL = ["-O", "OpenFlow13"] as const;

/**
 * One flow in the form in which two are compared: matches sorted, defaults left out, ports as `output:N`. ovs-ofctl prints what it was given
 * in an order and a spelling of its own.
 */
export function canonicalFlow(flow: string): string {
  const at = flow.search(/(^|[ ,])actions=/);
  const matches = flow
    .slice(0, at)
    .split(/[ ,]+/)
    .filter((match) => match !== "" && match !== "priority=32768" && match !== "table=0");
  const actions = splitActions(
    flow.slice(flow.indexOf("actions=", at) + "actions=".length).replaceAll(" ", ""),
  ).map(canonicalAction);
  return `${matches.sort().join(",")} actions=${actions.join(",")}`;
}

/** Commas inside parentheses belong to an action. */
function splitActions(text: string): string[] {
  const actions: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if (character === "," && depth === 0) {
      actions.push(current);
      current = "";
      continue;
    }
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    current += character;
  }
  return [...actions, current].filter((action) => action !== "");
}

function canonicalAction(action: string): string {
  if (/^\d+$/.test(action)) return `output:${action}`;
  const word = action.replace(/^output:(?=[A-Z])/, "");
  return /^(local|normal|flood|all|drop|in_port|controller)$/i.test(word) ? word.toUpperCase() : word;
}

export function sameFlows(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [a, b].map((flows) => [...new Set(flows.map(canonicalFlow))].sort());
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Flows as texts, those that are data with the ports' numbers. */
export function flowTexts(flows: readonly (string | OvsFlow)[], ports: PortNumbers): string[] {
  return flows.map((flow) => (typeof flow === "string" ? flow : renderFlow(flow, ports)));
}

/** The flows in force as the user writes them: those that are wanted in his own form, then what else carries the cookie. */
export function observedFlows(
  wanted: readonly (string | OvsFlow)[],
  observed: readonly string[],
  ports: PortNumbers,
): (string | OvsFlow)[] {
  const found = new Set(observed.map(canonicalFlow));
  const own = wanted.map((flow) => [flow, canonicalIn(flow, ports)] as const);
  const known = new Set(own.map(([, text]) => text));
  return [
    ...own.flatMap(([flow, text]) => (text !== undefined && found.has(text) ? [flow] : [])),
    ...observed.filter((text) => !known.has(canonicalFlow(text))),
  ];
}

/** Nothing where a port that it names is gone: such a flow can't be there. */
function canonicalIn(flow: string | OvsFlow, ports: PortNumbers): string | undefined {
  try {
    return canonicalFlow(typeof flow === "string" ? flow : renderFlow(flow, ports));
  } catch (error) {
    if (error instanceof PortMissing) return undefined;
    throw error;
  }
}

/** The OpenFlow numbers of a bridge's ports. */
export function portNumbers(
  bridge: string,
  { interfaces }: Pick<ObservedDatabase, "interfaces">,
): PortNumbers {
  return new Map(
    interfaces
      .filter((row) => row.bridge === bridge && row.name !== bridge)
      .map(({ name, ofport = -1 }) => [name, ofport]),
  );
}

/** @throws InputError `flow` for one that can't be */
export function checkFlows({ flows }: { readonly flows: readonly (string | OvsFlow)[] }): void {
  flows.forEach((flow, index) => {
    if (typeof flow !== "string") checkFlow(flow, `flows[${index}]`);
  });
}

/** The flows that carry a cookie. */
export function flowsOf(cookie: string, flows: readonly ObservedFlow[]): string[] {
  return flows.filter((flow) => BigInt(flow.cookie) === BigInt(cookie)).map(({ text }) => text);
}

/** Replaces the flows of a cookie in one bundle: at no time is a part of them in force. */
export function planFlows(
  bridge: string,
  cookie: string,
  desired: readonly string[],
  observed: readonly string[],
): Step[] {
  if (sameFlows(desired, observed)) return [];
  const bundle = [`delete cookie=${cookie}/-1`, ...desired.map((flow) => `add cookie=${cookie},${flow}`)];
  return [
    {
      purpose: `set ${desired.length} flows of ${bridge}`,
      argv: ["ovs-ofctl", "--timeout=30", ...PROTOCOL, "--bundle", "add-flows", bridge, "-"],
      stdin: `${bundle.join("\n")}\n`,
    },
  ];
}

export function removeFlows(bridge: string, cookie: string): Step[] {
  return [
    {
      purpose: `delete the flows of ${bridge} with cookie ${cookie}`,
      argv: ["ovs-ofctl", "--timeout=30", ...PROTOCOL, "del-flows", bridge, `cookie=${cookie}/-1`],
    },
  ];
}
