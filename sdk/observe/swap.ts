import { SWAP_DROP_IN, SWAP_UNITS, type SwapArea } from "../schema/swap.ts";
import type { Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

/** A unit of systemd that turns swap on, one of type swap or a service: with a file, written or generated, and not masked. */
export interface SwapUnit {
  readonly name: string;
  readonly isActive: boolean;
  /** Whether a boot may start it: it is enabled, or a generator or a unit beside it may want it. */
  readonly isEnabled: boolean;
  /** Drop-ins that systemd has read for it. */
  readonly dropIns: readonly string[];
}

export interface ObservedSwap {
  /** Version of the systemd that runs the machine; undefined where something else does. */
  readonly systemd: number | undefined;
  readonly areas: readonly SwapArea[];
  readonly units: readonly SwapUnit[];
  /** Drop-ins of our name by path, with their text. */
  readonly dropIns: ReadonlyMap<string, string>;
  /** Bytes. */
  readonly memory: { readonly total: number; readonly available: number; readonly swapped: number };
}

/** Debian's zram-tools, Ubuntu's zram-config, Raspberry Pi's, swapspace's: none of them goes by a unit of type swap. */
const SERVICES = ["zramswap", "zram-config", "dphys-swapfile", "swapspace"].map((name) => `${name}.service`);

const SCRIPT = `[ -d /run/systemd/system ] && systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/@systemd \\1/p'
sed 's/^/@area /' /proc/swaps
sed -n 's/^\\(MemTotal\\|MemAvailable\\|SwapTotal\\|SwapFree\\):/@memory \\1/p' /proc/meminfo
# A unit that nothing holds in memory is shown by its name alone; systemctl itself would read every unit file to list these.
for path in /etc/systemd/system /run/systemd/system /run/systemd/generator* /usr/local/lib/systemd/system /usr/lib/systemd/system; do
  for file in "$path"/*.swap; do [ ! -e "$file" ] || set -- "$@" "\${file##*/}"; done
done
systemctl show --property Id,What,FragmentPath,LoadState,ActiveState,UnitFileState,DropInPaths '*.swap' "$@" 2>/dev/null | while IFS= read -r line; do
  printf '@unit %s\\n' "$line"
  case "$line" in What=/*) printf '@unit Path=%s\\n' "$(readlink -f -- "\${line#What=}")" ;; esac
done
for file in ${SWAP_UNITS}/${SWAP_DROP_IN} /etc/systemd/system/*.service.d/${SWAP_DROP_IN}; do
  [ ! -f "$file" ] || printf '@file %s %s\\n' "$file" "$(base64 -w 0 "$file")"
done
true`;

/** Swap of a machine: what is on, what would turn it on, and whether memory has room for what is out. */
export const swapAreas: Probe<ObservedSwap> = {
  name: "swap",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", ...SERVICES] },
  parse: ({ stdout }) => {
    const all = (word: string) =>
      [...stdout.matchAll(new RegExp(`^@${word} (.*)$`, "gm"))].map(([, rest = ""]) =>
        rest.trim().split(/\s+/),
      );
    const blocks = [...stdout.matchAll(/^@unit ?(.*)$/gm)]
      .map(([, line = ""]) => line)
      .join("\n")
      .split("\n\n")
      .map((block) => (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1] ?? "");
    const byName = new Map(blocks.map((of) => [of("Id"), of]));
    const isLoaded = (of: (name: string) => string) =>
      of("LoadState") === "loaded" && of("FragmentPath") !== "";
    const bytes = (name: string) =>
      1024 *
      wholeNumberOf(`${name} of the memory`, all("memory").find(([field]) => field === name)?.[1] ?? "0");
    // A release candidate calls itself 258~rc1.
    const version = /^\d+/.exec(all("systemd")[0]?.[0] ?? "")?.[0];
    return {
      systemd: version === undefined ? undefined : Number(version),
      areas: all("area")
        .filter(([path]) => path?.startsWith("/"))
        .map(([name = "", , , , priority]) => {
          const path = pathIn(name);
          // One name of it has the file; the others came with the device.
          const unit = blocks.find((of) => of("Path") === path && isLoaded(of))?.("Id") ?? null;
          return { path, unit, priority: wholeNumberOf(`the priority of swap ${path}`, priority) };
        }),
      units: [...byName]
        .filter(([, of]) => isLoaded(of))
        .map(([name, of]) => ({
          ...{ name, isActive: of("ActiveState") === "active" },
          isEnabled: /^(enabled|generated|static)/.test(of("UnitFileState")),
          dropIns: of("DropInPaths").split(" ").filter(Boolean),
        })),
      dropIns: new Map(
        all("file").map(([path = "", text = ""]) => [path, Buffer.from(text, "base64").toString("utf8")]),
      ),
      memory: {
        total: bytes("MemTotal"),
        available: bytes("MemAvailable"),
        swapped: bytes("SwapTotal") - bytes("SwapFree"),
      },
    };
  },
};

/** The kernel writes white space in a path as three octal digits. */
function pathIn(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
