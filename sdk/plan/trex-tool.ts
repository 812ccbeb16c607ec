import type { ObservedTrex, TrexGround } from "../observe/trex.ts";
import type { Inputs } from "../schema/definition.ts";
import type { trex } from "../schema/traffic.ts";
import { HostError, InputError } from "../units/errors.ts";
import { TREX_NOTES } from "../units/trex-folders.ts";
import type { Step } from "./step.ts";

type TrexInputs = Inputs<typeof trex>;

const ARCHIVES = "/var/lib/nfvlab/trex/archives";
/** The first that tells a histogram of latency (`--hdrh`). */
const OLDEST = "2.58";
const FETCH_MS = 30 * 60_000;

/** @throws InputError `trex-old` */
export function checkTrexTool({ version }: TrexInputs): void {
  if (isAtLeast(version, OLDEST)) return;
  throw new InputError({
    code: "trex-old",
    property: "version",
    problem: "too old a TRex, whose server keeps no histogram of latency",
    observed: version,
    expected: `${OLDEST} or later`,
  });
}

function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split(".").map(Number));
  const place = a?.findIndex((number, index) => number !== (b?.[index] ?? 0)) ?? -1;
  return place < 0 || (a?.[place] ?? 0) > (b?.[place] ?? 0);
}

/** TRex's folder: where it is, or where its archive is unpacked. */
export function trexFolder({ source }: Pick<TrexInputs, "source">): string {
  return source.kind === "path"
    ? source.path.replace(/(?<=.)\/+$/, "")
    : `${archiveFolder(source.sha256)}/tree`;
}

const archiveFolder = (sha256: string) => `${ARCHIVES}/${sha256.slice(0, 16)}`;

/** Notes which folder a resource means, so that a refresh asks of it. */
export function noteTrex(inputs: TrexInputs, tag: string): Step {
  return {
    purpose: "note where TRex is",
    argv: [
      ...(["sh", "-c", 'umask 022; mkdir -p "$1" && printf "%s\\n" "$3" > "$1/$2"', "sh"] as const),
      ...[TREX_NOTES, tag, trexFolder(inputs)],
    ],
  };
}

// Whoever looks sees no half-unpacked folder. The address is not for whoever lists processes.
const FETCH = `set -e; umask 022; mkdir -p "$1/owners"; : > "$1/owners/$2"
[ ! -d "$1/tree" ] || exit 0
cd "$1"
curl --fail --silent --show-error --location --proto =http,https --output archive.part --config -
sum=$(sha256sum < archive.part | cut -d ' ' -f 1)
[ "$sum" = "$3" ] || { rm archive.part; echo "its sum is $sum, expected $3" >&2; exit 1; }
rm -rf tree.part; mkdir tree.part
tar -xzf archive.part -C tree.part --strip-components=1 --no-same-owner
rm archive.part; mv -T tree.part tree`;

/** Fetches and unpacks an archive; nothing where TRex is there already. */
export function fetchTrex({ source }: TrexInputs, tag: string): Step[] {
  if (source.kind === "path") return [];
  const { url, sha256 } = source;
  return [
    {
      purpose: "fetch TRex",
      argv: ["sh", "-c", FETCH, "sh", archiveFolder(sha256), tag, sha256],
      stdin: `url = "${url}"\n`,
      timeoutMs: FETCH_MS,
    },
  ];
}

const FORGET = `rm -f "$1/$2"; rmdir "$1" 2>/dev/null
[ -z "$3" ] || { rm -f "$3/owners/$2"; rmdir "$3/owners" 2>/dev/null && rm -rf "$3"; rmdir "$(dirname "$3")" 2>/dev/null; }
rmdir "$(dirname "$1")" 2>/dev/null; true`;

/** Removes the note, and what was fetched where nobody else means it. */
export function forgetTrex({ source }: Pick<TrexInputs, "source">, tag: string): Step {
  return {
    purpose: "forget where TRex is",
    argv: [
      ...(["sh", "-c", FORGET, "sh", TREX_NOTES, tag] as const),
      source.kind === "url" ? archiveFolder(source.sha256) : "",
    ],
  };
}

/** Whether TRex is there as asked for. */
export function isTrex(
  inputs: Pick<TrexInputs, "source" | "version">,
  seen: ObservedTrex | undefined,
): boolean {
  return seen?.there === true && seen.missing.length === 0 && seen.version === inputs.version;
}

/** @throws HostError `trex-missing`, `trex-version`, `python-missing` */
export function verifyTrex(inputs: TrexInputs, { folders, python }: TrexGround, host: string): void {
  const folder = trexFolder(inputs);
  const seen = folders.get(folder);
  if (python === undefined)
    throw new HostError({
      code: "python-missing",
      problem: `${host} has no python3, in which TRex's client is written`,
      observed: "no python3 in PATH",
      expected: "python3",
      hint: 'install it, for instance by host.Packages { python3: "any" }',
    });
  if (seen?.there !== true || seen.missing.length > 0)
    throw new HostError({
      code: "trex-missing",
      property: "source",
      problem: `there is no TRex at ${folder} on ${host}`,
      observed: seen?.there === true ? `no ${seen.missing.join(", no ")}` : "no such folder",
      expected: "TRex's folder as it is unpacked",
      hint: "unpack TRex's archive there, or name the address of one with its sum",
    });
  if (seen.version !== inputs.version)
    throw new HostError({
      code: "trex-version",
      property: "version",
      problem: `TRex at ${folder} on ${host} is another than was asked for`,
      observed: seen.version ?? "its program does not run there, and tells no version",
      expected: inputs.version,
    });
}
