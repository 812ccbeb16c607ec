import {
  interruptsIn,
  type KernelFiles,
  kernelFiles,
  type TuningService,
  tuningServices,
} from "../../observe/kernel-files.ts";
import {
  checkKnobs,
  type KnobInputs,
  type Machine,
  observedFields,
  onlineCpus,
  patternsOf,
  planRestore,
  planSettings,
  requireKnobs,
  requireSole,
  settingsOf,
  strayInterrupts,
  textsOf,
  unmovableOf,
  verifySettings,
} from "../../plan/kernel-files.ts";
import { refusalsIn } from "../../plan/kernel-writes.ts";
import type { Knob } from "../../plan/knobs.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { type PackedTexts, packTexts, unpackTexts } from "../../plan/packed-texts.ts";
import { leftAlone, rivalRuns } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import {
  fieldsIn,
  pathsSet,
  planFile,
  removeFile,
  TMPFILES,
  textsAtBoot,
  tmpfilesPath,
  tmpfilesText,
} from "../../plan/tmpfiles.ts";
import { CommandError } from "../../remote/command-error.ts";
import type { HostReference } from "../../schema/connection.ts";
import { fieldFacts, type ResourceDefinition } from "../../schema/definition.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Properties = Readonly<Record<string, unknown>>;
type Reference = { readonly host: HostReference; readonly name?: string };
type Outputs = {
  readonly found: PackedTexts;
  readonly written: PackedTexts;
  readonly persisted: boolean;
  readonly unmovable?: readonly string[];
};

export interface KernelFilesResource<D extends ResourceDefinition> {
  readonly definition: D;
  /** First part of its ids on a host, of its file and of its journal: `cpu-frequency`. */
  readonly kind: string;
  readonly knobs: readonly Knob[];
  /** Services that set the same. */
  readonly rivals: readonly TuningService[];
}

/** The handler of a resource that is fields in kernel files, driven by its rows of the table of knobs. */
export function kernelFilesHandler<D extends ResourceDefinition>(resource: KernelFilesResource<D>) {
  const { definition, kind, knobs } = resource;
  const isNamed = "name" in definition.inputs.shape;
  const probe = kernelFiles(kind, [...patternsOf(knobs), TMPFILES]);
  const probes = { files: probe };
  const nameOf = ({ name }: Reference) => (name === undefined ? kind : `${kind}-${name}`);
  const partOf = ({ name }: Reference) => (name === undefined ? kind : `${kind}/${name}`);
  const cpuLists = (inputs: Properties) =>
    Object.fromEntries(
      Object.keys(definition.inputs.shape)
        .filter((field) => fieldFacts(definition.inputs, [field]).format === "cpu-list")
        .map((field) => [field, inputs[field] as string | undefined]),
    );

  const look = async (host: Host) => machineOf((await host.observeNow(probes)).files);

  /** Refuses before a write what can't be, and says who else sets the same. */
  const prepare = async (operation: Operation, host: Host, inputs: Properties & Reference) => {
    const { files: before, running } = await host.observeNow({ files: probe, running: tuningServices });
    const settings = settingsOf(knobs, inputs, machineOf(before));
    requireOnline(cpuLists(inputs), onlineCpus(before), host.name);
    requireKnobs(settings, before, host.name);
    requireSole(settings, tmpfilesPath(nameOf(inputs)), pathsSet(before), host.name);
    for (const service of resource.rivals.filter((name) => running.includes(name)))
      operation.warn(rivalRuns(service, host.name));
    return machineOf(before);
  };

  /** From the machine as it is to the machine as it is to be. */
  const bring = async (
    host: Host,
    inputs: Properties & Reference,
    before: Machine,
    all: ReadonlyMap<string, string>,
  ) => {
    let machine = before;
    const path = tmpfilesPath(nameOf(inputs));
    let unmovable: string[] = [];
    let refusals = new Map<string, string>();
    const settings = () => settingsOf(knobs, inputs, machine, unmovable);
    const text = tmpfilesText(settingsOf(knobs, inputs, machine));
    await host.execute(planFile(path, text, machine.files.get(path)));
    // Twice where need be, since one knob may move another.
    for (let round = 0; round < 2; round += 1) {
      const steps = planSettings(settings(), machine.files);
      if (round > 0 && steps.length === 0) break;
      refusals = await refusalsOf(host, steps);
      machine = await look(host);
      unmovable = [...unmovable, ...unmovableOf(settings(), machine.files, refusals)];
    }
    const paths = new Set(settings().map((setting) => setting.path));
    const inForce = textsOf(settings(), machine.files);
    const outputs: Outputs = {
      found: packTexts(new Map([...all].filter(([file]) => paths.has(file)))),
      written: packTexts(inForce),
      persisted: `${machine.files.get(path)}\n` === text,
      ...("unmovable" in definition.outputs.shape && { unmovable }),
    };
    try {
      verifySettings(settings(), machine.files, refusals);
    } catch (error) {
      throw new Incomplete(
        error as Error,
        outputs as never,
        observedFields(knobs, inputs, machine, unmovable),
      );
    }
    return outputs;
  };

  const handler = {
    definition,
    probes,
    id: (inputs: Reference) => `${inputs.host.name}/${partOf(inputs)}`,
    locate: (rest: string) => {
      if (!isNamed) return rest === kind ? {} : undefined;
      const name = new RegExp(`^${kind}/([A-Za-z0-9_.-]+)$`).exec(rest)?.[1];
      return name === undefined ? undefined : { name };
    },
    check: (inputs: KnobInputs) => checkKnobs(knobs, inputs),

    create: async (operation: Operation, inputs: Properties & Reference): Promise<Outputs> => {
      const host = operation.host(inputs.host);
      return host.inTurn(kind, async () => {
        const machine = await prepare(operation, host, inputs);
        const now = textsOf(settingsOf(knobs, inputs, machine), machine.files);
        const earlier = await host.remember(partOf(inputs), packTexts(now), operation.urn);
        return bring(host, inputs, machine, new Map([...now, ...unpackTexts(earlier)]));
      });
    },

    read: async (operation: Operation, state: Properties & Reference & Partial<Outputs>) => {
      const { files } = await operation.host(state.host).observe(probes);
      const machine = machineOf(files);
      const file = files.get(tmpfilesPath(nameOf(state)));
      // On import the file says what is meant, and what was there before it nobody knows.
      if (state.found === undefined) {
        if (file === undefined) return undefined;
        const meant = fieldsIn(knobs, file, files);
        const unmovable = strayInterrupts(settingsOf(knobs, meant, machine), files);
        const outputs = { found: {}, written: {}, persisted: true, unmovable };
        const fields = { ...meant, ...observedFields(knobs, meant, machine, unmovable) };
        return { ...state, ...fields, ...only(definition, outputs) };
      }
      const left = state.unmovable ?? [];
      const text = tmpfilesText(settingsOf(knobs, state, machine));
      const fields = knobs.map(({ field }) => field).filter((field) => state[field] !== undefined);
      const others = Object.fromEntries(Object.entries(state).filter(([field]) => !fields.includes(field)));
      return { ...others, ...observedFields(knobs, state, machine, left), persisted: `${file}\n` === text };
    },

    update: async (
      operation: Operation,
      inputs: Properties & Reference,
      prior: Outputs,
    ): Promise<Outputs> => {
      const host = operation.host(inputs.host);
      return host.inTurn(kind, async () => {
        const machine = await prepare(operation, host, inputs);
        const now = textsOf(settingsOf(knobs, inputs, machine), machine.files);
        const found = unpackTexts(prior.found);
        // What is no longer asked for goes back to what it was.
        const dropped = new Map([...found].filter(([path]) => !now.has(path)));
        const texts = { found: dropped, written: unpackTexts(prior.written) };
        const restored = await restore(operation, host, knobs, texts, machine, nameOf(inputs));
        return bring(host, inputs, restored ? await look(host) : machine, new Map([...now, ...found]));
      });
    },

    delete: async (operation: Operation, state: Properties & Reference & Outputs) => {
      const host = operation.host(state.host);
      const texts = { found: unpackTexts(state.found), written: unpackTexts(state.written) };
      await restore(operation, host, knobs, texts, await look(host), nameOf(state));
      await host.execute([removeFile(tmpfilesPath(nameOf(state)))]);
      await host.forget(partOf(state));
    },
  };
  return handler as unknown as Handler<D> & { readonly probes: typeof probes };
}

function machineOf(files: KernelFiles): Machine {
  return { files, interrupts: interruptsIn(files.get("/proc/interrupts") ?? "") };
}

function only({ outputs }: ResourceDefinition, values: Properties): Properties {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in outputs.shape));
}

async function restore(
  operation: Operation,
  host: Host,
  knobs: readonly Knob[],
  texts: Parameters<typeof planRestore>[1],
  { files }: Machine,
  name: string,
): Promise<boolean> {
  const atBoot = textsAtBoot(files.get(tmpfilesPath(name)) ?? "");
  const { steps, changedByOthers } = planRestore(knobs, texts, files, atBoot);
  if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
  const refusals = await refusalsOf(host, steps);
  for (const [path, reason] of refusals)
    operation.warn(`left as it is, since the kernel takes nothing back: ${path} (${reason})`);
  return steps.length > 0;
}

/** Why files refused a write. What is wrong with it shows when they are read again. */
export async function refusalsOf(host: Host, steps: readonly Step[]): Promise<Map<string, string>> {
  try {
    await host.execute(steps);
    return new Map();
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== "command-failed") throw error;
    const refusals = refusalsIn(error.result.stderr);
    if (refusals.size === 0) throw error;
    return refusals;
  }
}
