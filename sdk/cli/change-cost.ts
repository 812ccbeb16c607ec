import type { CostKind, ReviewedCost } from "../report/review.ts";
import { fieldFacts } from "../schema/definition.ts";
import { isSecret, isUnknown, type Properties, parsePath } from "./engine-value.ts";
import type { Difference, PreviewedResource } from "./preview.ts";
import { definitionOf } from "./resource-fields.ts";
import { nameOf } from "./state-resource.ts";

/** A cost without where it is. */
interface Cost {
  readonly kind: CostKind;
  readonly property: string;
  readonly what: string;
}

/** A change as its costs are told by: properties as they were and as they will be. */
interface Change {
  readonly action: PreviewedResource["action"];
  readonly differences: readonly Difference[];
  /** What the resource is replaced for. */
  readonly forcing: readonly Difference[];
  readonly before: Properties;
  readonly after: Properties;
  /** Properties whose field says that changing them costs this, by the definition that the provider compares by. */
  costing(cost: "restart" | "reboot"): readonly Difference[];
  /** Properties set whose field says so. */
  setWith(cost: "restart" | "reboot"): readonly string[];
}

/**
 * What a change takes from the lab besides what it is for, each with the property that causes it. Told by what the engine found to differ, and by
 * what the fields say that a change costs; of what only the machine can tell, the sentence says on what it hangs.
 */
export function costsOf(resource: PreviewedResource, host: string): ReviewedCost[] {
  if (resource.action === "same" || resource.action === "other") return [];
  const where = { host, resource: nameOf(resource.urn), type: resource.type };
  const change = changeOf(resource);
  const costs = RULES[resource.type]?.(change, host === "" ? "the machine" : host) ?? otherwise(change);
  return costs.map((cost) => ({ ...where, ...cost }));
}

function changeOf({ action, type, differences, before, after }: PreviewedResource): Change {
  const definition = definitionOf(type);
  const wanted = after?.inputs ?? {};
  const costs = (path: readonly (string | number)[], holder: Properties) =>
    definition === undefined ? undefined : fieldFacts(definition.inputs, path, holder).change;
  return {
    action,
    differences,
    forcing: action === "replace" && differences.length === 0 ? [OTHERS] : differences.filter(isForcing),
    before: { ...before?.inputs, ...before?.outputs },
    after: wanted,
    costing: (cost) =>
      differences.filter(({ path, isInput }) => isInput && costs(parsePath(path), wanted) === cost),
    setWith: (cost) => Object.keys(wanted).filter((name) => costs([name], wanted) === cost),
  };
}

/** What is replaced since it hangs on something that is: the engine tells no property of it. */
const OTHERS: Difference = { path: "", kind: "update", replaces: true, isInput: true };

function isForcing({ replaces }: Difference): boolean {
  return replaces;
}

type Rule = (change: Change, host: string) => readonly Cost[];

const RULES: Readonly<Record<string, Rule>> = {
  "nfvlab:host:Reboot": ({ action, differences, forcing }, host) => {
    const what = `${host} reboots where boot arguments or a kernel wait for it, and is away for minutes`;
    const asked = differences.filter(({ path }) => parsePath(path)[0] === "triggers");
    if (action === "create") return [{ kind: "reboot", property: "", what }];
    if (action === "replace") return forcing.map(({ path }) => ({ kind: "reboot", property: path, what }));
    return action === "update" ? asked.map(({ path }) => ({ kind: "reboot", property: path, what })) : [];
  },
  "nfvlab:host:BootArguments": (change, host) => bootCosts(change, host, "arguments"),
  "nfvlab:host:RealtimeKernel": (change, host) => [
    ...bootCosts(change, host, "package"),
    ...(change.action === "create" || change.action === "replace"
      ? [packageCost(String(change.after["package"] ?? "the distribution's real-time kernel"), host)]
      : []),
    ...(change.action === "delete" ? removed(change, host) : []),
  ],
  "nfvlab:host:Packages": (change, host) => {
    if (change.action === "delete") return removed(change, host);
    if (change.action === "update")
      return change.differences.map(({ path, kind }) => ({
        kind: "package",
        property: path,
        what:
          kind === "delete"
            ? `what create brought for it is removed from ${host}`
            : `apt brings it to ${host}`,
      }));
    return Object.entries(objectIn(change.after["packages"])).map(([name, version]) =>
      packageCost(`${name} (${text(version)})`, host, "packages"),
    );
  },
  "nfvlab:ovs:Daemon": (change, host) => [...daemonRestarts(change, host), ...threadCosts(change, host)],
  "nfvlab:libvirt:Domain": ({ action, differences, forcing, before, after }) => {
    const guest = text(after["name"] ?? before["name"]);
    if (action === "replace")
      return forcing.map(({ path }) => ({
        kind: "guest",
        property: path,
        what: `guest ${guest} is shut down, defined anew and started`,
      }));
    if (action === "delete")
      return [{ kind: "guest", property: "", what: `guest ${guest} is shut down and undefined` }];
    return differences
      .filter(({ isInput }) => !isInput)
      .map(({ path }) => ({
        kind: "guest",
        property: path,
        what: `guest ${guest} is started, since it does not run`,
      }));
  },
  "nfvlab:lxc:Container": (change) => processCosts(change, `container ${nameIn(change)}`),
  "nfvlab:traffic:Forwarder": (change) => processCosts(change, `forwarder ${nameIn(change)}`),
  "nfvlab:pci:DriverBinding": ({ action, differences, before, after }, host) => {
    const address = text(after["address"] ?? before["address"]);
    const taken = `${address} of ${host} is taken from the driver it has`;
    if (action === "delete") {
      const driver = text(objectIn(before["found"])["driver"]);
      return [
        {
          kind: "driver",
          property: "",
          what: `${taken}, and goes back to ${driver === "" ? "none" : driver}`,
        },
      ];
    }
    const what = `${taken}, and goes to ${text(after["driver"])}`;
    if (action !== "update") return [{ kind: "driver", property: "driver", what }];
    return differences
      .filter(({ path }) => parsePath(path)[0] === "driver")
      .map(({ path }) => ({ kind: "driver", property: path, what }));
  },
  "nfvlab:pci:VirtualFunctions": ({ action, forcing, before, after }, host) => {
    const pf = text(after["pf"] ?? before["pf"]);
    const what = `all virtual functions of ${pf} of ${host} go, and are made anew`;
    if (action === "create") return [{ kind: "driver", property: "count", what }];
    if (action === "delete") return [{ kind: "driver", property: "", what }];
    return forcing.map(({ path }) => ({ kind: "driver", property: path, what }));
  },
  "nfvlab:pci:EswitchMode": ({ action, differences, before, after }, host) => {
    const what = `the network interfaces of ${text(after["pf"] ?? before["pf"])} of ${host} are made anew`;
    if (action === "update" || action === "replace")
      return differences.map(({ path }) => ({ kind: "driver", property: path, what }));
    return [{ kind: "driver", property: action === "create" ? "mode" : "", what }];
  },
  "nfvlab:bench:Cyclictest": measuredAgain,
  "nfvlab:bench:Oslat": measuredAgain,
  "nfvlab:bench:Hwlatdetect": measuredAgain,
  "nfvlab:bench:Rtla": measuredAgain,
  "nfvlab:bench:ExitRate": measuredAgain,
  "nfvlab:bench:ExitCost": measuredAgain,
  "nfvlab:bench:BootTime": (change) => [
    ...measuredAgain(change),
    ...(change.action === "create" || change.action === "replace"
      ? [
          {
            kind: "guest" as const,
            property: startedIn(change.after),
            what: `${startedIn(change.after) === "domain" ? "guest" : "container"} ${text(change.after[startedIn(change.after)])} is shut down and started for each repetition`,
          },
        ]
      : []),
  ],
  "nfvlab:bench:Density": measuredAgain,
  "nfvlab:bench:RoundTrip": measuredAgain,
  "nfvlab:bench:Traffic": measuredAgain,
  "nfvlab:bench:Throughput": measuredAgain,
  "nfvlab:bench:FrameLoss": measuredAgain,
  "nfvlab:bench:BackToBack": measuredAgain,
  "nfvlab:bench:Soak": measuredAgain,
  "nfvlab:bench:SystemRecovery": measuredAgain,
  "nfvlab:bench:FlowSetup": measuredAgain,
  "nfvlab:bench:Outage": (change, host) => {
    const { action, after } = change;
    if (action !== "create" && action !== "replace") return [];
    const event = objectIn(after["event"]);
    const there = text(objectIn(after["systemUnderTest"])["name"]);
    return [...measuredAgain(change), ...eventCost(event, there === "" ? host : there)];
  },
  "nfvlab:bench:CriticalLoad": measuredAgain,
  "nfvlab:bench:LiveMigration": (change, host) => {
    const { action, after } = change;
    if (action !== "create" && action !== "replace") return [];
    const there = text(objectIn(after["destination"])["name"]);
    const what = `guest ${text(after["domain"])} is migrated from ${host} to ${there === "" ? "another machine" : there} and back, and stands still each time`;
    return [...measuredAgain(change), { kind: "guest", property: "domain", what }];
  },
  "nfvlab:bench:Exchange": measuredAgain,
};

/** What is done to a machine for the sake of its outage. */
function eventCost(event: Properties, host: string): Cost[] {
  const property = "event";
  switch (text(event["kind"])) {
    case "switch-restart":
      return [
        {
          kind: "switch restart",
          property,
          what: `ovs-vswitchd of ${host} restarts, and all its ports are interrupted`,
        },
      ];
    case "guest-reset":
      return [
        {
          kind: "guest",
          property,
          what: `guest ${text(event["domain"])} of ${host} is reset, as by a loss of power`,
        },
      ];
    default:
      return [];
  }
}

/** What any resource costs: being made anew, and what its fields say. */
function otherwise(change: Change): Cost[] {
  if (change.action === "delete") return [];
  return [
    ...change
      .costing("restart")
      .map(({ path }): Cost => ({ kind: "process", property: path, what: "what it configures restarts" })),
    ...change.costing("reboot").map(({ path }) => nextBoot(path)),
    ...change.forcing.map(
      ({ path, isInput }): Cost => ({
        kind: "recreate",
        property: path,
        what: isInput
          ? "it is deleted and made anew"
          : "nfvlab makes it otherwise than when it was made, so that it is deleted and made anew",
      }),
    ),
  ];
}

/** Arguments and kernels count from the next boot, which only a Reboot of the program brings about. */
function bootCosts({ action, differences, before }: Change, host: string, whole: string): Cost[] {
  if (action === "delete" && before["rebootOnDelete"] === "allow")
    return [
      { kind: "reboot", property: "rebootOnDelete", what: `${host} reboots, so that they are out of force` },
    ];
  if (action === "delete") return [nextBoot("")];
  if (action === "create") return [nextBoot(whole)];
  return differences.filter(({ path }) => path !== "rebootOnDelete").map(({ path }) => nextBoot(path));
}

function nextBoot(property: string): Cost {
  return { kind: "next boot", property, what: "counts from the next boot, which only a Reboot brings about" };
}

/** An option that counts from the daemon's next start either restarts it, or is refused: the program says which. */
function daemonRestarts({ action, before, after, costing, setWith }: Change, host: string): Cost[] {
  const cost = (property: string, what: string): Cost => ({ kind: "switch restart", property, what });
  const isAllowed = (action === "delete" ? before : after)["restart"] === "allow";
  const all = `ovs-vswitchd of ${host} restarts, and all its ports are interrupted`;
  const refused = `ovs-vswitchd of ${host} would have to restart; restart is deny, so that the change is refused then`;
  if (action === "update") return costing("restart").map(({ path }) => cost(path, isAllowed ? all : refused));
  if (action === "delete")
    return isAllowed ? [cost("restart", `${all}, where create found other options than these`)] : [];
  const properties = setWith("restart");
  return [
    cost(
      properties.join(", ") || "init",
      `${isAllowed ? all : refused}, where it does not run with these options yet`,
    ),
  ];
}

function threadCosts({ action, differences }: Change, host: string): Cost[] {
  if (action !== "update") return [];
  return differences
    .filter(({ path }) => path === "pmdCpus")
    .map(({ path }) => ({
      kind: "switch threads",
      property: path,
      what: `poll-mode threads of ${host} are made anew: packets are lost meanwhile`,
    }));
}

/** Of processes that a service of ours runs. */
function processCosts(change: Change, what: string): Cost[] {
  if (change.action === "delete")
    return [{ kind: "process", property: "", what: `${what} is stopped and removed` }];
  const restarted = change.action === "update" ? change.costing("restart") : [];
  return [
    ...restarted.map(({ path }): Cost => ({ kind: "process", property: path, what: `${what} restarts` })),
    ...change.forcing.map(
      ({ path }): Cost => ({
        kind: "process",
        property: path,
        what: `${what} is stopped, removed and made anew`,
      }),
    ),
  ];
}

function measuredAgain({ action, forcing }: Change): Cost[] {
  return action === "replace"
    ? forcing.map(({ path }) => ({ kind: "measurement", property: path, what: "it is measured again" }))
    : [];
}

function packageCost(what: string, host: string, property = "package"): Cost {
  return {
    kind: "package",
    property,
    what: `apt brings ${what} to ${host}, with what it needs, where it is missing`,
  };
}

function removed({ before }: Change, host: string): Cost[] {
  return Object.keys(objectIn(before["added"])).map((name) => ({
    kind: "package",
    property: "",
    what: `${name} is removed from ${host}, unless something else needs it`,
  }));
}

/** Input that names what is started. */
function startedIn(inputs: Properties): "container" | "domain" {
  return inputs["container"] === undefined ? "domain" : "container";
}

function nameIn({ before, after }: Change): string {
  return text(after["name"] ?? before["name"]);
}

/** A value within a sentence. */
function text(value: unknown): string {
  if (isSecret(value)) return "a secret";
  if (isUnknown(value)) return "what isn't known yet";
  return value === undefined || value === null ? "" : String(value);
}

function objectIn(value: unknown): Properties {
  return typeof value === "object" && value !== null && !isSecret(value) ? (value as Properties) : {};
}
