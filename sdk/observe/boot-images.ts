import type { Probe } from "./probe.ts";

export interface ObservedBootImage {
  readonly name: string;
  readonly kernelRelease: string;
  readonly sha256: string;
  /** Hash of the recipe that built it. */
  readonly recipe: string;
  /** Both files are there and are those of the manifest. */
  readonly whole: boolean;
}

const SCRIPT = `for manifest in /var/lib/nfvlab/images/*/manifest; do
  [ -f "$manifest" ] || continue
  folder=$(dirname "$manifest")
  sum=$(cd "$folder" && sha256sum kernel initramfs 2>/dev/null | sha256sum | cut -d ' ' -f 1)
  echo "$(basename "$folder") $(cat "$manifest") $sum"
done; true`;

/** The boot images on the machine, with their hashes as recorded and as they are. */
export const bootImages: Probe<readonly ObservedBootImage[]> = {
  name: "boot-images",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    stdout
      .split("\n")
      .map((line) => line.trim().split(" "))
      .flatMap(([name, kernelRelease, recorded, recipe, actual]) =>
        name === undefined || kernelRelease === undefined || recorded === undefined || recipe === undefined
          ? []
          : [{ name, kernelRelease, sha256: recorded, recipe, whole: recorded === actual }],
      ),
};

/** Which of these programs are not on the machine. Their names come from this code base. */
export function missingPrograms(programs: readonly string[]): Probe<readonly string[]> {
  return {
    name: `missing-${programs.join("-")}`,
    ask: {
      kind: "command",
      argv: [
        "sh",
        "-c",
        'for program in "$@"; do command -v "$program" >/dev/null || echo "$program"; done; true',
        "sh",
        ...programs,
      ],
    },
    parse: ({ stdout }) => stdout.split("\n").filter((line) => line !== ""),
  };
}
