import type { Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

export interface ObservedVolume {
  readonly name: string;
  /** Tag of the resource that made it; undefined where nobody noted it. */
  readonly owner?: string;
  readonly sizeBytes: number;
  /** Sum of what it was made from; empty where that was nothing. */
  readonly sourceSha256: string;
  readonly present: boolean;
  /** Of a seed, which no guest writes to: its sum as it is. */
  readonly sha256?: string;
}

const SCRIPT = `cd /var/lib/nfvlab/volumes 2>/dev/null || exit 0
for note in .made/*; do
  [ -f "$note" ] || continue
  name=\${note#.made/}
  read -r owner kind size source < "$note"
  present=no
  sum=-
  if [ -f "$name" ]; then
    present=yes
    [ "$kind" != cloud-init ] || sum=$(sha256sum "$name" | cut -d ' ' -f 1)
  fi
  echo "$name $owner $size $source $present $sum"
done
for name in *; do [ ! -f "$name" ] || [ -f ".made/$name" ] || echo "$name - 0 - yes -"; done`;

/** The volumes of the machine, as they were noted when they were made and as they are. */
export const volumes: Probe<readonly ObservedVolume[]> = {
  name: "volumes",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    stdout.split("\n").flatMap((line): ObservedVolume[] => {
      const [name, owner, size, source, present, sum] = line.split(" ");
      if (name === undefined || owner === undefined || sum === undefined) return [];
      return [
        {
          name,
          ...(owner !== "-" && { owner }),
          sizeBytes: wholeNumberOf(`the size of volume ${name}`, size),
          sourceSha256: source === "-" ? "" : (source ?? ""),
          present: present === "yes",
          ...(sum !== "-" && { sha256: sum }),
        },
      ];
    }),
};
