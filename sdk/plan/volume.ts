import { createHash } from "node:crypto";
import type { ObservedVolume } from "../observe/volumes.ts";
import type { Inputs, Outputs } from "../schema/definition.ts";
import type { VolumeSource, volume } from "../schema/volume.ts";
import { HostError, InputError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";
import { fatImage } from "./fat-image.ts";
import type { Step } from "./step.ts";

type VolumeInputs = Inputs<typeof volume>;
type Seed = Extract<VolumeSource, { kind: "cloud-init" }>;

const FOLDER = "/var/lib/nfvlab/volumes";

export const volumePath = (name: string) => `${FOLDER}/${name}`;

/** @throws InputError where kind, format and size contradict each other */
export function checkVolume({ name, source, format, size }: VolumeInputs): void {
  const wrong = (property: string, observed: string, expected: string) => {
    throw new InputError({
      code: "volume",
      property,
      problem: `a volume of kind ${source.kind} can't be made so`,
      observed,
      expected,
    });
  };
  if (source.kind === "empty" && size === undefined) wrong("size", "no size", "how large it is");
  if (source.kind === "overlay" && format === "raw") wrong("format", format, "qcow2");
  if (source.kind !== "cloud-init") return;
  if (size !== undefined) wrong("size", size, "no size: a seed has 1 MiB");
  if (format === "qcow2") wrong("format", format, "raw");
  seedImage(name, source);
}

/**
 * The disk that cloud-init finds by its label, with its three files.
 *
 * @throws InputError where they do not fit
 * @see https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
 */
export function seedImage(name: string, { userData, metaData, networkConfig }: Seed): Buffer {
  try {
    return fatImage("CIDATA", {
      "meta-data": metaData ?? `instance-id: ${name}\n`,
      "user-data": userData,
      ...(networkConfig !== undefined && { "network-config": networkConfig }),
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError({ code: "seed-size", property: "source", problem: error.message, expected: "less" });
  }
}

export function seedSha256(name: string, seed: Seed): string {
  return createHash("sha256").update(seedImage(name, seed)).digest("hex");
}

/** @throws HostError `foreign` where the name is somebody else's */
export function checkVolumeOwner(
  { name }: VolumeInputs,
  found: ObservedVolume | undefined,
  tag: string,
): void {
  if (found === undefined || found.owner === tag) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a volume ${name} is there already and is not ours`,
    observed: `${volumePath(name)}, owner ${found.owner ?? "nobody"}`,
    hint: "choose another name, or remove the file",
  });
}

// Made beside its place and moved there whole; the note goes first, so that what is half done is known for ours.
const MAKE = `set -eu
name=$1 tag=$2 kind=$3 format=$4 size=$5 source=$6 wanted=$7 base=$8
cd ${FOLDER}
part=.$name.part
trap 'rm -f "$part"' EXIT
rm -f "$part"
sum=-
case $kind in copy|overlay)
  sum=$(sha256sum "$source" | cut -d ' ' -f 1)
  [ "$wanted" = - ] || [ "$wanted" = "$sum" ] || { echo "the sum of $source: observed $sum, expected $wanted" >&2; exit 1; } ;;
esac
umask 077
case $kind in
  copy) cp --sparse=always "$source" "$part" ;;
  overlay)
    if [ "$size" = - ]; then set --; else set -- "$size"; fi
    qemu-img create -q -f qcow2 -F "$base" -b "$source" "$part" "$@" ;;
  empty)
    if [ "$format" = raw ]; then truncate -s "$size" "$part"; else qemu-img create -q -f "$format" "$part" "$size"; fi ;;
  cloud-init) base64 -d > "$part" ;;
esac
seen() {
  if [ "$format" = raw ]; then stat -c %s "$part"; else
    LC_ALL=C qemu-img info -f "$format" "$part" | sed -n 's/^virtual size:.*(\\([0-9]*\\) bytes).*/\\1/p'
  fi
}
bytes=$(seen)
[ -n "$bytes" ] || { echo "$source is not in the format $format" >&2; exit 1; }
if [ "$kind" = copy ] && [ "$size" != - ] && [ "$size" != "$bytes" ]; then
  [ "$size" -gt "$bytes" ] || { echo "$source: observed $bytes bytes, expected at most $size" >&2; exit 1; }
  if [ "$format" = raw ]; then truncate -s "$size" "$part"; else qemu-img resize -q -f "$format" "$part" "$size"; fi
  bytes=$(seen)
fi
[ "$kind" != cloud-init ] || sum=$(sha256sum "$part" | cut -d ' ' -f 1)
echo "$tag $kind $bytes $sum" > ".made/$name"
mv "$part" "$name"`;

/** Makes the file; its content goes by standard input, since a seed may hold secrets. */
export function makeVolume({ name, format, size, source }: VolumeInputs, tag: string): Step[] {
  const from = source.kind === "copy" || source.kind === "overlay" ? source : undefined;
  const seed = source.kind === "cloud-init" ? seedImage(name, source).toString("base64") : undefined;
  return [
    {
      purpose: "make the folder of volumes",
      argv: ["install", "-d", "-m", "0711", FOLDER, `${FOLDER}/.made`],
    },
    {
      purpose: `make the volume ${name}`,
      argv: [
        ...(["sh", "-c", MAKE, "sh", name, tag, source.kind] as const),
        format ?? (source.kind === "cloud-init" ? "raw" : "qcow2"),
        size === undefined ? "-" : String(bytes(size)),
        from?.path ?? "-",
        from?.sha256 ?? "-",
        source.kind === "overlay" ? source.baseFormat : "-",
      ],
      ...(seed !== undefined && { stdin: seed }),
      timeoutMs: 3_600_000,
    },
  ];
}

export function removeVolume(name: string): Step[] {
  return [
    {
      purpose: `remove the volume ${name}`,
      argv: ["rm", "-f", volumePath(name), `${FOLDER}/.${name}.part`, `${FOLDER}/.made/${name}`],
    },
  ];
}

/** What state holds of a volume; a seed that somebody wrote to is not there any more. */
export function volumeOutputs({ name, source }: VolumeInputs, found: ObservedVolume): Outputs<typeof volume> {
  const whole = source.kind !== "cloud-init" || found.sha256 === seedSha256(name, source);
  return {
    path: volumePath(name),
    sizeBytes: found.sizeBytes,
    sourceSha256: found.sourceSha256,
    present: found.present && whole,
  };
}
