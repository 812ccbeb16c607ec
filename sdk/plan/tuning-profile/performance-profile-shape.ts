import { isAlias, LineCounter, parseAllDocuments, visit } from "yaml";
import { InputError } from "../../units/errors.ts";
import { lookUp } from "./look-up.ts";
import { nearestName } from "./nearest-name.ts";

/** The fields of a PerformanceProfile v2 that are read. */
export interface PerformanceProfile {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly cpu: {
      readonly isolated: string;
      readonly reserved: string;
      readonly balanceIsolated?: boolean;
      readonly offlined?: string;
      readonly shared?: string;
      readonly ovsDpdk?: string;
    };
    readonly hardwareTuning?: { readonly isolatedCpuFreq?: number; readonly reservedCpuFreq?: number };
    readonly hugepages?: {
      readonly defaultHugepagesSize?: string;
      readonly pages?: ReadonlyArray<{
        readonly size?: string;
        readonly count?: number;
        readonly node?: number;
      }>;
    };
    readonly machineConfigLabel?: Readonly<Record<string, string>>;
    readonly machineConfigPoolSelector?: Readonly<Record<string, string>>;
    readonly nodeSelector: Readonly<Record<string, string>>;
    readonly realTimeKernel?: { readonly enabled?: boolean };
    readonly kernelPageSize?: string;
    readonly additionalKernelArgs?: readonly string[];
    readonly numa?: { readonly topologyPolicy?: string };
    readonly net?: {
      readonly userLevelNetworking?: boolean;
      readonly devices?: ReadonlyArray<{
        readonly interfaceName?: string;
        readonly vendorID?: string;
        readonly deviceID?: string;
      }>;
    };
    readonly globallyDisableIrqLoadBalancing?: boolean;
    readonly workloadHints?: {
      readonly highPowerConsumption?: boolean;
      readonly realTime?: boolean;
      readonly perPodPowerManagement?: boolean;
      readonly mixedCpus?: boolean;
    };
  };
}

interface Fields {
  readonly [name: string]: Shape;
}
type Shape = "text" | "number" | "flag" | "labels" | "anything" | readonly [Shape] | Fields;

const SHAPE: Fields = {
  apiVersion: "text",
  kind: "text",
  metadata: {
    name: "text",
    annotations: "labels",
    labels: "labels",
    namespace: "text",
    uid: "text",
    resourceVersion: "text",
    generation: "number",
    creationTimestamp: "anything",
    deletionTimestamp: "anything",
    deletionGracePeriodSeconds: "number",
    finalizers: ["text"],
    generateName: "text",
    managedFields: "anything",
    ownerReferences: "anything",
    selfLink: "text",
  },
  spec: {
    cpu: {
      isolated: "text",
      reserved: "text",
      balanceIsolated: "flag",
      offlined: "text",
      shared: "text",
      ovsDpdk: "text",
    },
    hardwareTuning: { isolatedCpuFreq: "number", reservedCpuFreq: "number" },
    hugepages: { defaultHugepagesSize: "text", pages: [{ size: "text", count: "number", node: "number" }] },
    machineConfigLabel: "labels",
    machineConfigPoolSelector: "labels",
    nodeSelector: "labels",
    realTimeKernel: { enabled: "flag" },
    kernelPageSize: "text",
    additionalKernelArgs: ["text"],
    numa: { topologyPolicy: "text" },
    net: {
      userLevelNetworking: "flag",
      devices: [{ interfaceName: "text", vendorID: "text", deviceID: "text" }],
    },
    globallyDisableIrqLoadBalancing: "flag",
    workloadHints: {
      highPowerConsumption: "flag",
      realTime: "flag",
      perPodPowerManagement: "flag",
      mixedCpus: "flag",
    },
  },
  status: "anything",
};

/** Must be there, or the operator refuses the object. */
const REQUIRED = ["spec", "spec.cpu", "spec.cpu.isolated", "spec.cpu.reserved", "spec.nodeSelector"];

const EXPECTED: Readonly<Record<string, string>> = {
  text: "a text",
  number: "a whole number that is not negative",
  flag: "true or false",
  labels: "texts by name",
};

/** What is wrong with a field, one sentence of the form that all errors have. */
export type FieldProblem = string;

/**
 * One object of the kind PerformanceProfile, of version v2, whose fields all have the right names and types.
 *
 * @throws InputError `performance-profile` that names everything that is wrong
 */
export function readPerformanceProfile(text: string): PerformanceProfile {
  const object = onlyObject(text);
  const kind = isRecord(object) ? object["kind"] : undefined;
  if (kind !== "PerformanceProfile") {
    throw refusal([
      `kind: not a PerformanceProfile: observed ${JSON.stringify(kind)}, expected "PerformanceProfile"`,
    ]);
  }
  const version = isRecord(object) ? object["apiVersion"] : undefined;
  const problems = [
    ...(version === "performance.openshift.io/v2"
      ? []
      : [
          `apiVersion: not the version that is read: observed ${JSON.stringify(version)}, expected "performance.openshift.io/v2"; ` +
            "a cluster that has the object gives it as v2",
        ]),
    ...problemsOf(object, SHAPE, ""),
    ...REQUIRED.filter((path) => at(object, path) === undefined && parentIsThere(object, path)).map(
      (path) => `${path}: it is missing; the operator refuses an object without it`,
    ),
  ];
  if (problems.length > 0) throw refusal(problems);
  return settled(object, SHAPE) as PerformanceProfile;
}

export function refusal(problems: readonly FieldProblem[]): InputError {
  return new InputError({
    code: "performance-profile",
    problem: `this PerformanceProfile cannot be read${problems.map((problem) => `\n  - ${problem}`).join("")}`,
    observed: `${problems.length} ${problems.length === 1 ? "fault" : "faults"}`,
    expected: "an object that the node tuning operator takes",
  });
}

function onlyObject(text: string): unknown {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter });
  const all = Array.isArray(documents) ? documents.filter(({ contents }) => contents !== null) : [];
  const faults = all
    .flatMap(({ errors }) => errors)
    .map((error) => `line ${error.linePos?.[0].line ?? "?"}: ${error.message.split("\n")[0]}`);
  if (faults.length > 0) throw refusal(faults);
  const [document] = all;
  if (document === undefined || all.length > 1)
    throw refusal([`observed ${all.length} YAML documents, expected one: hand them over one by one`]);
  visit(document, (_, node) => {
    if (isAlias(node))
      throw refusal([
        `observed the alias *${node.source}, expected a text without aliases: objects of Kubernetes have none`,
      ]);
  });
  return document.toJS() as unknown;
}

function problemsOf(value: unknown, shape: Shape, path: string): FieldProblem[] {
  // In YAML a name without a value is null, which Kubernetes takes for a field that is not there.
  if (shape === "anything" || value === undefined || value === null) return [];
  if (shape === "text") {
    if (typeof value === "string") return [];
    const hint = typeof value === "number" ? `: write "${value}", in quotes` : "";
    return [`${path}: observed ${JSON.stringify(value)}, expected ${EXPECTED["text"]}${hint}`];
  }
  const expected = (what = "") => [`${path}: observed ${JSON.stringify(value)}, expected ${what}`];
  if (shape === "flag") return typeof value === "boolean" ? [] : expected(EXPECTED["flag"]);
  if (shape === "number")
    return Number.isInteger(value) && (value as number) >= 0 ? [] : expected(EXPECTED["number"]);
  if (shape === "labels") {
    return isRecord(value) && Object.values(value).every((each) => typeof each === "string" || each === null)
      ? []
      : expected(EXPECTED["labels"]);
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return expected("a list");
    return value.flatMap((item, index) => problemsOf(item, shape[0], `${path}[${index}]`));
  }
  if (!isRecord(value)) return expected("fields by name");
  return Object.entries(value).flatMap(([name, inner]) => {
    const place = path === "" ? name : `${path}.${name}`;
    const known = lookUp(shape, name);
    if (known !== undefined) return problemsOf(inner, known, place);
    const nearest = nearestName(name, Object.keys(shape));
    const elsewhere = placesOf(name).find((other) => other !== place);
    const hint = nearest ?? elsewhere;
    return [
      `${place}: PerformanceProfile has no such field${hint === undefined ? `; there are ${Object.keys(shape).join(", ")}` : `: did you mean ${hint}?`}`,
    ];
  });
}

/** The object without fields that have no value; a label without one is empty. */
function settled(value: unknown, shape: Shape): unknown {
  if (isList(shape))
    return (value as unknown[]).filter((item) => item !== null).map((item) => settled(item, shape[0]));
  if (shape === "labels")
    return Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([name, text]) => [name, text ?? ""]),
    );
  if (typeof shape === "string") return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [name, settled(inner, shape[name] ?? "anything")]),
  );
}

/** Where a field of this name does exist. */
function placesOf(name: string, shape: Fields = SHAPE, path = ""): string[] {
  return Object.entries(shape).flatMap(([field, inner]) => {
    const place = path === "" ? field : `${path}.${field}`;
    const fields = isList(inner) ? inner[0] : inner;
    const deeper = typeof fields === "object" && !isList(fields) ? placesOf(name, fields, place) : [];
    return [...(field === name ? [place] : []), ...deeper];
  });
}

function at(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (value, name) => (isRecord(value) ? (lookUp(value, name) ?? undefined) : undefined),
      object,
    );
}

/** Of what is missing only the outermost is named. */
function parentIsThere(object: unknown, path: string): boolean {
  const parent = path.split(".").slice(0, -1).join(".");
  return parent === "" || at(object, parent) !== undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}
