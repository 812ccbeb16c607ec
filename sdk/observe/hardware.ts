import type { HostFacts } from "../schema/facts.ts";
import type { Answer, Probe } from "./probe.ts";
import { memoryWords, type ObservedSmbios, sizeWords, smbiosOf } from "./smbios.ts";

/** What a machine is built of, beyond its facts. */
export interface ObservedHardware {
  readonly smbios: ObservedSmbios;
  /** Memory of each node as the kernel's blocks count it, MiB; empty where it has none. */
  readonly nodesMib: ReadonlyMap<number, number>;
  /** Of CPU 0, MHz; undefined where nothing tells it. */
  readonly nominalMhz?: number;
}

// Blocks of a node are counted, since what the kernel has left of its memory (MemTotal) is another amount after each boot. Only base64 is a process; it fails for whoever is not root.
const SCRIPT = `exec 2> /dev/null
read -r size < /sys/devices/system/memory/block_size_bytes &&
for node in /sys/devices/system/node/node[0-9]*; do
  set -- "$node"/memory[0-9]*
  [ -e "$1" ] && echo "@node \${node##*/node} $# $size"
done
read -r khz < /sys/devices/system/cpu/cpu0/cpufreq/base_frequency && echo "@khz $khz"
read -r mhz < /sys/devices/system/cpu/cpu0/acpi_cppc/nominal_freq && echo "@mhz $mhz"
echo "@smbios"; base64 -w 0 /sys/firmware/dmi/tables/DMI
true`;

/** Memory modules, memory by node, and the nominal frequency. */
export const hardware: Probe<ObservedHardware> = {
  name: "hardware",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }: Answer) => {
    const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0);
    const nominalMhz = number(/^@khz (\d{1,12})$/m) / 1000 || number(/^@mhz (\d{1,9})$/m);
    return {
      smbios: smbiosOf(Buffer.from(/^@smbios\n([A-Za-z0-9+/=]*)/m.exec(stdout)?.[1] ?? "", "base64")),
      nodesMib: new Map(
        [...stdout.matchAll(/^@node (\d{1,4}) (\d{1,9}) ([0-9a-f]{1,12})$/gm)].map(
          ([, node, blocks, size]) => [
            Number(node),
            (Number(blocks) * Number.parseInt(size ?? "", 16)) / 2 ** 20,
          ],
        ),
      ),
      ...(nominalMhz > 0 && { nominalMhz }),
    };
  },
};

/** Modules by kind, their sockets, and the memory of each node. */
export function memoryOf({ smbios, nodesMib }: ObservedHardware): Record<string, string> {
  return {
    ...memoryWords(smbios),
    ...Object.fromEntries([...nodesMib].map(([node, mib]) => [`node${node}`, sizeWords(mib)])),
  };
}

/** Sockets, cores and threads that are online, and the frequency of the first where anything tells it. */
export function processorsOf(
  { cpus, cpuModel }: Pick<HostFacts, "cpus" | "cpuModel">,
  { nominalMhz }: ObservedHardware,
): Record<string, string> {
  const online = cpus.filter((cpu) => cpu.online);
  const count = (key: "package" | "core") => `${new Set(online.map((cpu) => cpu[key])).size}`;
  // Intel's names say it, also to a guest that has no frequency to set.
  const named = Number(/@ ([\d.]+)\s*GHz/.exec(cpuModel)?.[1]);
  const ghz = nominalMhz === undefined ? named : nominalMhz / 1000;
  return {
    sockets: count("package"),
    cores: count("core"),
    threads: `${online.length}`,
    ...(ghz > 0 && { nominalFrequency: `${ghz} GHz` }),
  };
}
