/** Inputs that say where and when, not what: the machine and how it is reached, the name of the run, triggers; and the firmware, which the fingerprint has with what the machine shows of it. */
const NOT_ASKED = new Set(["name", "triggers", "firmware"]);

/**
 * What the inputs of a benchmark ask for, by path, for its record.
 *
 * @example askedOf({ name: "ndr", frames: [64, "imix"], goals: { ndr: { loss: 0 } } }); // { frames: "64, imix", "goals.ndr.loss": "0" }
 */
export function askedOf(inputs: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) => (NOT_ASKED.has(name) ? [] : leavesOf(name, value))),
  );
}

function leavesOf(path: string, value: unknown): (readonly [path: string, value: string])[] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  if (Array.isArray(value)) {
    return value.every((item) => typeof item !== "object")
      ? [[path, value.join(", ")]]
      : value.flatMap((item, index) => leavesOf(`${path}.${index}`, item));
  }
  // A machine, with how it is reached.
  if ("connection" in value) return [];
  return Object.entries(value).flatMap(([key, item]) => leavesOf(`${path}.${key}`, item));
}
