import type { ObservedModule } from "../observe/module-parameters.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { type KnobValue, moduleParameter } from "./kernel-text.ts";
import { writeLinesStep } from "./kernel-writes.ts";
import type { Step } from "./step.ts";

export type ModuleValues = Readonly<Record<string, KnobValue>>;
type Texts = Readonly<Record<string, string>>;

/**
 * Refuses what would be configured to no effect: the kernel passes over the options of a module that it has built in, and of a parameter that a
 * module does not have it only writes a line into its log.
 *
 * @throws HostError `module-unknown`, `module-built-in`, `module-parameter-unknown`
 */
export function requireModule(
  name: string,
  values: ModuleValues,
  module: ObservedModule,
  host: string,
): void {
  if (module.presence === "unknown")
    throw new HostError({
      code: "module-unknown",
      property: "module",
      problem: `the kernel of ${host} has no module ${name}`,
      observed: `nothing that \`modinfo ${name}\` finds`,
      hint: "look for its name in `lsmod` there, or install the package that brings it",
    });
  const missing = Object.keys(values).filter((parameter) => !module.known.has(parameter));
  if (missing.length > 0)
    throw new HostError({
      code: "module-parameter-unknown",
      property: "parameters",
      problem: `module ${name} on ${host} has no parameter ${missing.join(", ")}`,
      observed: missing.join(", "),
      expected: [...module.known].sort().join(", ") || "none: it has no parameters",
      hint: "parameters differ from kernel to kernel: `modinfo -p` lists them",
    });
  if (module.presence === "built-in")
    throw new HostError({
      code: "module-built-in",
      property: "module",
      problem: `${name} is built into the kernel of ${host}, which reads no file in /etc/modprobe.d for it`,
      observed: "built in",
      expected: "a module that is loaded",
      hint: `set it as a boot argument: ${Object.entries(values)
        .map(([parameter, value]) => `${name}.${parameter}=${moduleParameter.write(value)}`)
        .join(" ")}`,
    });
}

export function modprobePath(name: string): string {
  return `/etc/modprobe.d/90-nfvlab-${name}.conf`;
}

/** What the module gets whenever it is loaded. */
export function modprobeText(name: string, values: ModuleValues): string {
  const options = Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([parameter, value]) => ` ${parameter}=${moduleParameter.write(value)}`);
  return `# Written by nfvlab; removed when its resource is deleted.\noptions ${name}${options.join("")}\n`;
}

/** What a file of ours configures, by parameter. */
export function configuredIn(text: string): Record<string, string> {
  const options = [...text.matchAll(/^options \S+ (.*)$/gm)].flatMap(([, list = ""]) => list.split(/\s+/));
  return Object.fromEntries(
    options.flatMap((option) => {
      const [, parameter, value] = /^(\w+)=(.*)$/.exec(option) ?? [];
      return parameter === undefined || value === undefined ? [] : [[parameter, value]];
    }),
  );
}

/** What the running kernel has of these parameters; nothing where the module is not loaded. */
export function effectiveOf(values: ModuleValues, module: ObservedModule): Record<string, string> {
  return Object.fromEntries(
    Object.keys(values).flatMap((parameter) => {
      const shown = module.values.get(parameter);
      return shown === undefined ? [] : [[parameter, shown.text]];
    }),
  );
}

/** Parameters that the running kernel takes a write to. */
function writable(values: ModuleValues, module: ObservedModule): [string, KnobValue][] {
  return Object.entries(values).filter(([parameter]) => module.values.get(parameter)?.writable === true);
}

/** What brings the running kernel to the values; nothing for those that it has, or that it takes at load alone. */
export function planParameters(name: string, values: ModuleValues, module: ObservedModule): Step[] {
  const changes = writable(values, module).filter(([parameter, value]) => !has(module, parameter, value));
  if (changes.length === 0) return [];
  return [
    writeLinesStep(
      `set ${changes.map(([parameter, value]) => `${name}.${parameter} to ${moduleParameter.write(value)}`).join(", ")}`,
      changes.map(([parameter, value]) => ({
        path: `/sys/module/${name.replaceAll("-", "_")}/parameters/${parameter}`,
        text: moduleParameter.write(value),
      })),
    ),
  ];
}

/** Whether the parameter is in force. */
function has(module: ObservedModule, parameter: string, value: KnobValue): boolean {
  const text = module.values.get(parameter)?.text;
  return text !== undefined && means(text, value);
}

function means(text: string, value: KnobValue): boolean {
  const observed = moduleParameter.read(text);
  return `${observed}` === `${value}` || moduleParameter.satisfies?.(observed, value) === true;
}

/** What is configured and waits for the module to be loaded anew; what the running kernel takes a write to waits for nothing. */
export function pendingOf(values: ModuleValues, module: ObservedModule): string[] {
  return Object.entries(values)
    .filter(([parameter]) => module.values.get(parameter)?.writable !== true)
    .filter(([parameter, value]) => !has(module, parameter, value))
    .map(([parameter]) => parameter)
    .sort();
}

/** @throws VerificationError `module-parameter-not-taken` */
export function verifyParameters(
  values: ModuleValues,
  module: ObservedModule,
  refusals: ReadonlyMap<string, string>,
): void {
  const wrong = writable(values, module).filter(([parameter, value]) => !has(module, parameter, value));
  if (wrong.length === 0) return;
  throw new VerificationError({
    code: "module-parameter-not-taken",
    property: "parameters",
    problem: "the kernel reads back otherwise than written",
    observed: wrong.map(([parameter]) => `${parameter} = ${module.values.get(parameter)?.text}`).join(", "),
    expected: wrong.map(([parameter, value]) => `${parameter} = ${moduleParameter.write(value)}`).join(", "),
    hint:
      refusals.size > 0
        ? `it refused with ${[...new Set(refusals.values())].join(", ")}: ask for a value that it takes`
        : "it limits or rounds what is written: ask for a value that it keeps",
  });
}

/** The values of the next load or, where the running kernel takes writes, of now; in the user's spelling where it means the same. */
export function observedParameters(values: ModuleValues, module: ObservedModule): Record<string, KnobValue> {
  const configured = configuredIn(module.text);
  return Object.fromEntries(
    Object.entries(values).map(([parameter, value]) => {
      const shown = module.values.get(parameter);
      const text = shown?.writable === true ? shown.text : configured[parameter];
      return [parameter, text === undefined || means(text, value) ? value : moduleParameter.read(text)];
    }),
  );
}

/** What delete puts back into the running kernel: values as found, but only where what was written is still in force. */
export function restoreParameters(
  found: Texts,
  written: Texts,
  module: ObservedModule,
): { target: Record<string, string>; changedByOthers: string[] } {
  const target: Record<string, string> = {};
  const changedByOthers: string[] = [];
  for (const [parameter, text] of Object.entries(found)) {
    const now = module.values.get(parameter);
    if (now === undefined || !now.writable || now.text === text) continue;
    if (now.text === written[parameter]) target[parameter] = text;
    else changedByOthers.push(parameter);
  }
  return { target, changedByOthers };
}
