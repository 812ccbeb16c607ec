import type { Links, ObservedLink } from "../observe/links.ts";
import type { PinnedRedirect } from "../observe/xdp.ts";
import type { Inputs, State } from "../schema/definition.ts";
import { XDP_FOLDER, type xdpRedirect } from "../schema/xdp.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { checkManagement, given, ipStep, linkAt, planDown, requireLink } from "./net-link.ts";
import type { Step } from "./step.ts";

type RedirectInputs = Inputs<typeof xdpRedirect>;
type RedirectState = State<typeof xdpRedirect>;

export interface XdpGround {
  readonly links: Links;
  readonly pinned: readonly PinnedRedirect[];
}

/** What our own object calls its program and its map of devices. */
const BUILT_IN = { program: "nfvlab_redirect", map: "out" } as const;
/** The attach types of bpftool. */
const ATTACH = { native: "xdpdrv", generic: "xdpgeneric", offload: "xdpoffload" } as const;

// bpftool loads from a file alone, so our object gets one for as long as it takes. What the object holds beside the program is not kept.
const ATTACH_SCRIPT = `set -e
object=$1 folder=$2 program=$3 map=$4 attach=$5 device=$6; shift 6
made=
trap 'code=$?; rm -f $made; [ $code = 0 ] || { rm -rf "$folder"; rmdir "\${folder%/*}" "\${folder%/*/*}" 2>/dev/null; exit $code; }' EXIT
if [ -z "$object" ]; then made=$(mktemp); object=$made; base64 -d > "$object"; fi
mkdir -p "\${folder%/*}"; rm -rf "$folder"; mkdir "$folder"
offload=; [ "$attach" != xdpoffload ] || offload="dev $device"
bpftool prog loadall "$object" "$folder" type xdp $offload pinmaps "$folder/maps" >&2
[ -e "$folder/$program" ] || { echo "the object has no program $program" >&2; exit 1; }
[ -e "$folder/maps/$map" ] || { echo "the object has no map $map, but $(ls "$folder/maps" | tr '\\n' ' ')" >&2; exit 1; }
mv "$folder/$program" "$folder/program-$program"
for pin in "$folder"/*; do case "$pin" in */maps | */program-*) ;; *) rm "$pin" ;; esac; done
bpftool map update pinned "$folder/maps/$map" key hex 00 00 00 00 value hex "$@" >&2
bpftool net attach "$attach" pinned "$folder/program-$program" dev "$device" >&2`;

/** The pins of one direction. The BPF file system takes no dots. */
export function pinFolder({ name }: Pick<RedirectInputs, "name">, tag: string, direction: number): string {
  return `${XDP_FOLDER}/${name.replaceAll(".", ":")}@${tag}/${direction}`;
}

/** @throws InputError `xdp-interfaces` */
export function checkRedirect({ interfaces }: RedirectInputs): void {
  if (interfaces[0] !== interfaces[1]) return;
  throw new InputError({
    code: "xdp-interfaces",
    property: "interfaces",
    problem: "frames can't be sent on to the interface that they came from",
    observed: interfaces.join(", "),
    expected: "two interfaces",
  });
}

/** @throws HostError `management`, `interface-missing`, `foreign`, `xdp-taken` */
export function requireRedirect(
  { name, interfaces, host }: RedirectInputs,
  { links, pinned }: XdpGround,
  tag: string,
): void {
  checkManagement("interfaces", interfaces, links, host.name);
  const other = pinned.find((pins) => pins.name === name && pins.owner !== tag);
  if (other !== undefined)
    throw new HostError({
      code: "foreign",
      property: "name",
      problem: `an XDP redirect ${name} is there already and is not ours`,
      observed: other.folder,
      hint: "choose another name",
    });
  const own = ownPins(name, pinned, tag).flatMap(({ programs }) => programs);
  for (const device of interfaces) {
    const { xdp } = requireLink("interfaces", device, links);
    if (xdp === undefined || own.includes(xdp.id)) continue;
    throw new HostError({
      code: "xdp-taken",
      property: "interfaces",
      problem: `${device} has another XDP program`,
      observed: `${xdp.program || "a program"} (id ${xdp.id}, ${xdp.mode})`,
      expected: "an interface without an XDP program",
      hint: `find whose it is (bpftool prog show id ${xdp.id}) and stop it; an interface that OVS or DPDK drives by AF_XDP has one`,
    });
  }
}

/** Loads, points and attaches each direction that is not as it must be. `object` is our own, in base64. */
export function planRedirect(inputs: RedirectInputs, ground: XdpGround, tag: string, object: string): Step[] {
  const { interfaces, mode = "native", program, name } = inputs;
  const { program: entry, map } = program ?? BUILT_IN;
  const devices = interfaces.map((device) => requireLink("interfaces", device, ground.links));
  return devices.flatMap((device, direction) => {
    const other = devices[1 - direction] as ObservedLink;
    if (isAttached(inputs, ground, tag, direction)) return [];
    const words = [
      program?.object ?? "",
      pinFolder(inputs, tag, direction),
      entry,
      map,
      ATTACH[mode],
      device.name,
    ];
    return [
      ...detachSteps(device, ownPins(name, ground.pinned, tag)),
      ...(device.up
        ? []
        : [ipStep(`set ${device.name} up`, undefined, "link", "set", "dev", device.name, "up")]),
      {
        purpose: `redirect ${device.name} to ${other.name} by XDP in mode ${mode}`,
        argv: ["sh", "-c", ATTACH_SCRIPT, "sh", ...words, ...littleEndian(other.index)],
        ...(program === undefined && { stdin: object }),
      },
    ];
  });
}

/** The refusal of a driver, in place of what bpftool says of it. */
export function modeRefused({ mode = "native" }: RedirectInputs, said: string): HostError | undefined {
  if (!/not supported|Operation not permitted|does not support/i.test(said)) return undefined;
  return new HostError({
    code: "xdp-mode",
    property: "mode",
    problem: `the driver takes no XDP program in mode ${mode}`,
    observed: said.trim().split("\n").slice(0, 2).join(" | "),
    expected: `an interface whose driver has XDP in mode ${mode}`,
    hint:
      mode === "generic"
        ? "the kernel may lack CONFIG_BPF_SYSCALL"
        : "use mode generic, which every driver takes and which is slower",
  });
}

/** The state as it is; undefined where nothing of it is pinned or its interfaces are gone. On import `state` names it, and no more. */
export function observedRedirect(
  state: RedirectState,
  ground: XdpGround,
  tag: string,
): RedirectState | undefined {
  const pins = ground.pinned.filter(({ name }) => name === state.name);
  const owner = state.attached === undefined ? (pins[0]?.owner ?? tag) : tag;
  const own = ownPins(state.name, pins, owner);
  const interfaces =
    state.interfaces ??
    own
      .flatMap(({ programs }) =>
        ground.links.links.filter(({ xdp }) => xdp !== undefined && programs.includes(xdp.id)),
      )
      .map(({ name }) => name);
  const links = interfaces.map((name) => linkAt(ground.links, { name }));
  if (own.length === 0 || interfaces.length !== 2 || links.includes(undefined)) return undefined;
  const modes = new Set(links.map((link) => link?.xdp?.mode).filter((mode) => mode !== undefined));
  const mode = modes.size === 1 ? [...modes][0] : state.mode;
  const { mode: wanted, ...rest } = state;
  const seen = { ...rest, interfaces, ...given("mode", mode === (wanted ?? "native") ? wanted : mode) };
  return {
    ...seen,
    attached: interfaces.every((_, direction) => isAttached(seen, ground, owner, direction)),
    pins: pinsOf(seen, owner),
    foundDown: state.foundDown ?? [],
  };
}

export function pinsOf(
  inputs: Pick<RedirectInputs, "name" | "interfaces">,
  tag: string,
): Record<string, string> {
  return Object.fromEntries(
    inputs.interfaces.map((device, direction) => [device, `${pinFolder(inputs, tag, direction)}/maps`]),
  );
}

/** @throws VerificationError `xdp-attached` */
export function verifyRedirect(
  state: RedirectState | undefined,
  { interfaces, mode = "native" }: RedirectInputs,
): void {
  if (state?.attached === true) return;
  throw new VerificationError({
    code: "xdp-attached",
    problem: `${interfaces.join(" and ")} are not redirected to each other`,
    observed: state === undefined ? "nothing attached" : `mode ${state.mode ?? "native"}`,
    expected: `the program on both, in mode ${mode}`,
    hint: "look at `bpftool net` and `ip -d link`",
  });
}

/** Interfaces to set down at delete. */
export function foundDown(
  { interfaces }: RedirectInputs,
  { links }: XdpGround,
  prior: readonly string[] = [],
): string[] {
  return interfaces.filter((name) => prior.includes(name) || linkAt(links, { name })?.up === false);
}

export function removeRedirect(state: RedirectState, { links, pinned }: XdpGround, tag: string): Step[] {
  const own = ownPins(state.name, pinned, tag);
  const devices = state.interfaces.flatMap((name) => linkAt(links, { name }) ?? []);
  return [
    ...devices.flatMap((device) => detachSteps(device, own)),
    ...(own.length === 0
      ? []
      : [
          {
            purpose: `unpin XDP redirect ${state.name}`,
            argv: ["rm", "-rf", pinFolder(state, tag, 0).slice(0, -2)] as const,
          },
          {
            purpose: "remove the folder of pins where it is empty",
            argv: ["find", XDP_FOLDER, "-maxdepth", "0", "-empty", "-delete"] as const,
          },
        ]),
    ...planDown(state.foundDown, links, ""),
  ];
}

function ownPins(name: string, pinned: readonly PinnedRedirect[], tag: string): PinnedRedirect[] {
  return pinned.filter((pins) => pins.name === name && pins.owner === tag);
}

function isAttached(
  { name, interfaces, mode = "native" }: RedirectInputs,
  { links, pinned }: XdpGround,
  tag: string,
  direction: number,
): boolean {
  const pins = ownPins(name, pinned, tag).find((each) => each.direction === direction);
  const [device, other] = [direction, 1 - direction].map((index) =>
    linkAt(links, { name: interfaces[index] ?? "" }),
  );
  const { xdp, up = false } = device ?? {};
  return (
    pins !== undefined &&
    up &&
    xdp?.mode === mode &&
    pins.programs.includes(xdp.id) &&
    other !== undefined &&
    pins.targets.includes(other.index)
  );
}

/** Takes a program of ours from an interface; another's stays. */
function detachSteps({ name, xdp }: ObservedLink, own: readonly PinnedRedirect[]): Step[] {
  if (xdp === undefined || !own.some(({ programs }) => programs.includes(xdp.id))) return [];
  return [
    {
      purpose: `take our XDP program from ${name}`,
      argv: ["bpftool", "net", "detach", ATTACH[xdp.mode], "dev", name],
    },
  ];
}

function littleEndian(index: number): string[] {
  return [0, 8, 16, 24].map((shift) => ((index >>> shift) & 0xff).toString(16).padStart(2, "0"));
}
