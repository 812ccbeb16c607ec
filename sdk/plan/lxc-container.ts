import type { ObservedContainer } from "../observe/containers.ts";
import type { Links } from "../observe/links.ts";
import type { Inputs, State } from "../schema/definition.ts";
import { CONTAINER_FOLDER, type ContainerNic, type container } from "../schema/lxc.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { quoteAll } from "../units/quoting.ts";
import { bytes, formatSize } from "../units/size.ts";
import { checkManagement, given, linkAt } from "./net-link.ts";
import type { Step } from "./step.ts";
import { readUnitsAgain, UNITS_CHANGED_MS } from "./systemd.ts";
import { planFile } from "./tmpfiles.ts";

type ContainerInputs = Inputs<typeof container>;
type ContainerState = State<typeof container>;

/** How long a command has to end by itself. */
const STOP_S = 10;
const OWNER = "# nfvlab-owner ";
const INPUTS = "# nfvlab-inputs ";

export const folderOf = (name: string) => `${CONTAINER_FOLDER}/${name}`;
export const serviceOf = (name: string) => `nfvlab-lxc-${name}.service`;
const unitPath = (name: string) => `/etc/systemd/system/${serviceOf(name)}`;
export const groupOf = (name: string) => `/sys/fs/cgroup/lxc.payload.${name}`;
const monitorGroupOf = (name: string) => `/sys/fs/cgroup/lxc.monitor.${name}`;
/** A line of sh, with its dollars doubled for systemd. */
const GROUPS_GONE =
  'for group do [ ! -d "$group" ] || { echo 1 > "$group/cgroup.kill"; n=0; until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || [ $n -ge 50 ]; do n=$((n + 1)); sleep 0.1; done; }; done'.replaceAll(
    "$",
    "$$$$",
  );

/** lxc.container.conf(5). Its first lines say whose it is and what it was made from, so that it can be imported. */
export function configText(inputs: ContainerInputs, tag: string): string {
  const { host: _, cpus, memory, ...fixed } = inputs;
  const { name, root, hugepages = false, devices = [], mounts = [], nics = [] } = fixed;
  const rootfs = root.kind === "folder" ? root.path : `${folderOf(name)}/rootfs`;
  const lines = [
    `${OWNER}${tag}`,
    `${INPUTS}${JSON.stringify({ ...fixed, ...given("cpus", cpus), ...given("memory", memory) })}`,
    ...rootLines(name, rootfs, root.kind),
    // In /dev, which is the container's own, so that a user's folder stays as it is.
    mount(`${folderOf(name)}/command`, "dev/nfvlab-command", "bind,ro,create=file"),
    ...(hugepages ? [mount("/dev/hugepages", "dev/hugepages", "bind,create=dir")] : []),
    ...devices.map((device) => mount(device, device, "bind,create=file")),
    ...mounts.map(({ source, target, readOnly }) =>
      mount(source, target, `rbind${readOnly ? ",ro" : ""},create=dir`),
    ),
    ...(cpus === undefined ? [] : [`lxc.cgroup2.cpuset.cpus = ${CpuSet.parse(cpus).format()}`]),
    ...(memory === undefined ? [] : [`lxc.cgroup2.memory.max = ${bytes(memory)}`]),
    ...(nics.length === 0 ? ["lxc.net.0.type = empty"] : nics.flatMap(nicLines)),
  ];
  return `${lines.join("\n")}\n`;
}

const mount = (source: string, target: string, options: string) =>
  `lxc.mount.entry = ${source} ${target.replace(/^\//, "")} none ${options} 0 0`;

/** What a container of ours has, whatever runs in it: its root and the kernel's file systems, no limit to locked memory, and with a root of the machine's its programs. */
export function rootLines(name: string, rootfs: string, kind: ContainerInputs["root"]["kind"]): string[] {
  return [
    `lxc.rootfs.path = dir:${rootfs}`,
    `lxc.uts.name = ${name}`,
    "lxc.tty.max = 0",
    "lxc.apparmor.profile = unconfined",
    "lxc.prlimit.memlock = unlimited",
    "lxc.mount.auto = proc:mixed sys:ro",
    ...(kind === "host" ? ["/usr", "/etc"].map((folder) => mount(folder, folder, "bind,ro")) : []),
  ];
}

function nicLines(nic: ContainerNic, index: number): string[] {
  const key = `lxc.net.${index}`;
  const own =
    nic.kind === "veth"
      ? [
          `${key}.type = veth`,
          `${key}.veth.pair = ${nic.hostName}`,
          ...(nic.bridge === undefined ? [] : [`${key}.link = ${nic.bridge}`]),
          ...(nic.mac === undefined ? [] : [`${key}.hwaddr = ${nic.mac}`]),
          ...(nic.mtu === undefined ? [] : [`${key}.mtu = ${nic.mtu}`]),
        ]
      : [`${key}.type = phys`, `${key}.link = ${nic.interface}`];
  return [
    ...own,
    `${key}.name = ${nic.name}`,
    `${key}.flags = up`,
    ...(nic.addresses ?? []).map((address) => `${key}.ipv4.address = ${address}`),
  ];
}

export function commandText({ command }: ContainerInputs): string {
  return `exec ${quoteAll(command)}\n`;
}

export function unitText({ name, mounts = [] }: Pick<ContainerInputs, "name" | "mounts">): string {
  // Folders under /run go with a reboot, and the container is started at boot.
  const folders = mounts.map(({ source }) => `ExecStartPre=/usr/bin/mkdir -p ${source}\n`).join("");
  const lxc = `-P ${CONTAINER_FOLDER} -n ${name}`;
  return `[Unit]
Description=nfvlab container ${name}
Documentation=man:lxc.container.conf(5)
After=network.target

[Service]
# LXC names control groups by the container alone: those of another one of this name are not ours.
ExecStartPre=/bin/sh -c 'if grep " @/.*/${name}/command@*$$" /proc/net/unix | grep -qv " @${folderOf(name)}/command@*$$"; then echo "a container ${name} runs that is not of ${CONTAINER_FOLDER}" >&2; exit 1; fi'
# What a killed LXC left: its control groups, beside which the next ones would have other names.
ExecStartPre=-/bin/sh -c '${GROUPS_GONE}' sh ${groupOf(name)} ${monitorGroupOf(name)}
${folders}ExecStart=/usr/bin/lxc-execute ${lxc} -- /bin/sh /dev/nfvlab-command
ExecStop=/usr/bin/lxc-stop ${lxc} -t ${STOP_S}
# By SIGTERM, which is how it is stopped.
SuccessExitStatus=143
KillMode=mixed
Delegate=yes
LimitMEMLOCK=infinity

[Install]
WantedBy=multi-user.target
`;
}

/** @throws HostError `lxc-missing`, `management`, `foreign` */
export function checkContainer(
  { name, nics = [], host }: ContainerInputs,
  found: ObservedContainer | undefined,
  links: Links,
  tag: string,
): void {
  const taken = nics.flatMap((nic) => (nic.kind === "physical" ? [nic.interface] : []));
  checkManagement("nics", taken, links, host.name);
  const bridges = nics.flatMap((nic) =>
    nic.kind === "veth" && nic.bridge !== undefined ? [nic.bridge] : [],
  );
  checkManagement("nics", bridges, links, host.name);
  const owner = ownerOf(found);
  if (found === undefined || owner === undefined || owner === tag) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a container ${name} is there already and is not ours`,
    observed: `owner ${owner}`,
    hint: "choose another name",
  });
}

export function ownerOf(found: ObservedContainer | undefined): string | undefined {
  return found?.files.config
    .split("\n")
    .find((line) => line.startsWith(OWNER))
    ?.slice(OWNER.length);
}

/** Makes the root of a container under a folder, of kind `busybox` or `host`: what is missing of it, and what is there stays. */
export const ROOT_SCRIPT = `set -e
command -v lxc-execute > /dev/null || { echo "lxc is not installed" >&2; exit 1; }
folder=$1 kind=$2
mkdir -p "$folder/rootfs"; cd "$folder/rootfs"
mkdir -p dev etc proc sys tmp run var usr
case $kind in
  host) for link in bin sbin lib lib64; do [ ! -L "/$link" ] || ln -sfn "usr/$link" "$link"; done ;;
  busybox)
    ldd /bin/busybox > /dev/null 2>&1 && { echo "busybox of this machine is not static" >&2; exit 1; }
    mkdir -p bin sbin; cp /bin/busybox bin/busybox
    for applet in $(bin/busybox --list); do [ "$applet" = busybox ] || ln -sfn busybox "bin/$applet"; done ;;
esac`;

/** What brings a container to its inputs: its files, and a restart only where something else than CPUs and memory changed. */
export function planContainer(
  inputs: ContainerInputs,
  found: ObservedContainer | undefined,
  links: Links,
  tag: string,
): Step[] {
  const { name, root } = inputs;
  const [config, command, unit] = [configText(inputs, tag), commandText(inputs), unitText(inputs)];
  const files = found?.files ?? { config: "", command: "", unit: "" };
  const restarts =
    found?.running !== true ||
    files.command !== command ||
    files.unit !== unit ||
    withoutLimits(files.config) !== withoutLimits(config);
  return [
    ...(root.kind === "folder" || found !== undefined
      ? []
      : [
          {
            purpose: `make the root of container ${name} (${root.kind})`,
            argv: ["sh", "-c", ROOT_SCRIPT, "sh", folderOf(name), root.kind] as const,
          },
        ]),
    ...planFile(`${folderOf(name)}/config`, config, files.config.trimEnd()),
    ...planFile(`${folderOf(name)}/command`, command, files.command.trimEnd()),
    ...planFile(unitPath(name), unit, files.unit.trimEnd()),
    ...(files.unit === unit ? [] : [readUnitsAgain]),
    ...(found?.enabled
      ? []
      : [
          {
            purpose: `enable ${serviceOf(name)}`,
            argv: ["systemctl", "--quiet", "enable", serviceOf(name)] as const,
            timeoutMs: UNITS_CHANGED_MS,
          },
        ]),
    ...(restarts
      ? [
          {
            purpose: `start container ${name}`,
            argv: ["systemctl", "restart", serviceOf(name)] as const,
            timeoutMs: 120_000,
          },
        ]
      : [...planLimits(inputs, found), ...planPorts(inputs, links)]),
  ];
}

/** The limits of a container that runs go straight into its control group. */
function planLimits({ name, cpus, memory }: ContainerInputs, found: ObservedContainer): Step[] {
  const limits: [file: string, is: string, wanted: string][] = [
    [
      "cpuset.cpus",
      CpuSet.parse(found.cpus ?? "").format(),
      cpus === undefined ? "" : CpuSet.parse(cpus).format(),
    ],
    ["memory.max", String(found.memory ?? "max"), memory === undefined ? "max" : String(bytes(memory))],
  ];
  return limits
    .filter(([, is, wanted]) => is !== wanted)
    .map(([file, , wanted]) => ({
      purpose: `set ${file} of container ${name} to ${wanted || "all"}`,
      argv: ["tee", `${groupOf(name)}/${file}`],
      stdin: `${wanted}\n`,
    }));
}

function planPorts({ nics = [] }: ContainerInputs, links: Links): Step[] {
  return nics.flatMap((nic) => {
    const strays =
      nic.kind === "veth" &&
      nic.bridge !== undefined &&
      masterOf(nic.hostName, nic.bridge, links) !== nic.bridge;
    if (!strays) return [];
    return [
      {
        purpose: `join ${nic.hostName} to ${nic.bridge}`,
        argv: ["ip", "link", "set", "dev", nic.hostName, "master", nic.bridge as string],
      },
    ];
  });
}

/** The bridge of the kernel that an interface is a port of; that of Open vSwitch is taken for granted. */
function masterOf(name: string, wanted: string, links: Links): string | undefined {
  const isKernels = linkAt(links, { name: wanted })?.kind === "bridge";
  return isKernels ? linkAt(links, { name })?.master : wanted;
}

function withoutLimits(config: string): string {
  return config
    .split("\n")
    .filter((line) => !line.startsWith("lxc.cgroup2.") && !line.startsWith(INPUTS) && !line.startsWith(OWNER))
    .join("\n");
}

/** The state as it is; undefined where nothing of it is there. On import `state` names it, and no more. */
export function observedContainer(
  state: ContainerState,
  found: ObservedContainer | undefined,
  links: Links,
  tag: string,
): ContainerState | undefined {
  if (found === undefined || found.files.config === "") return undefined;
  const isImport = state.running === undefined;
  const inputs = isImport ? { ...inputsIn(found), host: state.host } : state;
  if (inputs === undefined || inputs.command === undefined) return undefined;
  const { cpus: _, memory: __, nics, ...rest } = inputs;
  const wanted = inputs as ContainerInputs;
  const owner = isImport ? (ownerOf(found) ?? tag) : tag;
  const { running, effectiveCpus, threadCpus } = found;
  return {
    ...rest,
    ...given("cpus", running ? cpusIn(found.cpus ?? "", wanted.cpus) : wanted.cpus),
    ...given("memory", running ? memoryIn(found.memory, wanted.memory) : wanted.memory),
    ...given("nics", nics && (running ? nics.map((nic) => nicIn(nic, links)) : nics)),
    running,
    configured:
      found.enabled &&
      found.files.unit === unitText(wanted) &&
      found.files.command === commandText(wanted) &&
      withoutLimits(found.files.config) === withoutLimits(configText(wanted, owner)),
    effectiveCpus,
    threadCpus,
  } as ContainerState;
}

/** What the configuration says that it was made from. */
function inputsIn({ files }: ObservedContainer): Partial<ContainerInputs> {
  const line = files.config.split("\n").find((each) => each.startsWith(INPUTS));
  try {
    return line === undefined ? {} : (JSON.parse(line.slice(INPUTS.length)) as Partial<ContainerInputs>);
  } catch {
    return {};
  }
}

function cpusIn(is: string, wanted: string | undefined): string | undefined {
  const same = CpuSet.parse(is).format() === (wanted === undefined ? "" : CpuSet.parse(wanted).format());
  if (same) return wanted;
  return is === "" ? undefined : is;
}

function memoryIn(is: number | undefined, wanted: ContainerInputs["memory"]): ContainerInputs["memory"] {
  const same = is === (wanted === undefined ? undefined : bytes(wanted));
  if (same) return wanted;
  return is === undefined ? undefined : (formatSize(is) as ContainerInputs["memory"]);
}

function nicIn(nic: ContainerNic, links: Links): ContainerNic {
  if (nic.kind !== "veth" || nic.bridge === undefined) return nic;
  const { bridge, ...rest } = nic;
  return { ...rest, ...given("bridge", masterOf(nic.hostName, bridge, links)) };
}

/** @throws VerificationError `container-not-running`, `cpus-not-in-force` */
export function verifyContainer({ name, cpus }: ContainerInputs, found: ObservedContainer | undefined): void {
  if (found?.running !== true)
    throw new VerificationError({
      code: "container-not-running",
      problem: `container ${name} does not run`,
      observed: "no process in it",
      expected: "its command",
      hint: `what it said: journalctl -u ${serviceOf(name)}`,
    });
  if (cpus === undefined || found.effectiveCpus === CpuSet.parse(cpus).format()) return;
  throw new VerificationError({
    code: "cpus-not-in-force",
    property: "cpus",
    problem: `container ${name} does not have its CPUs`,
    observed: found.effectiveCpus || "none",
    expected: CpuSet.parse(cpus).format(),
    hint: "CPUs that are offline, or in a partition of another control group, are left out",
  });
}

/** Stops it, and removes what is ours of it. */
export function removeContainer(name: string): Step[] {
  return [
    {
      purpose: `stop container ${name}`,
      argv: ["systemctl", "--quiet", "disable", "--now", serviceOf(name)],
      timeoutMs: 120_000,
    },
    {
      purpose: `remove ${unitPath(name)} and ${folderOf(name)}`,
      argv: ["rm", "-rf", "--one-file-system", unitPath(name), folderOf(name)],
    },
    {
      purpose: "remove the folder of containers where it is empty",
      argv: ["sh", "-c", 'rmdir "$1" 2>/dev/null || true', "sh", CONTAINER_FOLDER],
    },
    readUnitsAgain,
  ];
}
