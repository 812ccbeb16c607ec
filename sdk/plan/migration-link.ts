import { HostError } from "../units/errors.ts";
import { unitOf } from "./benchmarks.ts";
import type { Step } from "./step.ts";

/** The name that both ends know a link by: its folder, its unit, and the mark of its key. */
export interface Link {
  readonly mark: string;
  readonly folder: string;
  readonly unit: string;
  /** Where the libvirt of the other machine answers. */
  readonly socket: string;
}

/** @param tag that of the resource, whose links are told apart by where they lead */
export function linkOf(tag: string, direction: "out" | "back"): Link {
  const mark = `nfvlab-${tag}-${direction}`;
  const folder = `/run/${mark}`;
  return { mark, folder, unit: unitOf(tag, `link-${direction}`), socket: `${folder}/libvirt.sock` };
}

const KEY = `umask 077
rm -rf "$1" && mkdir "$1" && cd "$1" && ssh-keygen -q -t ed25519 -N '' -C "$2" -f key && cat key.pub`;

/** Makes a key for one link on the machine that opens it, which it never leaves; prints its public half. */
export function makeLinkKey({ folder, mark }: Link): Step {
  return {
    purpose: "make a key for the link between the two machines",
    argv: ["sh", "-c", KEY, "sh", folder, mark],
  };
}

const PUBLIC_KEY = /^(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+( [A-Za-z0-9_@.-]+)?$/;

/**
 * The public key that was made.
 *
 * @throws HostError `link-key`
 */
export function linkKeyOf(stdout: string, host: string): string {
  const key = stdout.trim();
  if (PUBLIC_KEY.test(key)) return key;
  throw new HostError({
    code: "link-key",
    problem: `${host} made no key for the link`,
    observed: JSON.stringify(key.slice(0, 100)),
    hint: "ssh-keygen of OpenSSH has to be there",
  });
}

// The file is replaced whole: a user whose keys are half written is locked out.
const EDIT = `umask 077
home=$(getent passwd "$(id -un)" | cut -d: -f6)
[ -d "$home/.ssh" ] || mkdir "$home/.ssh" || exit
file=$(readlink -f "$home/.ssh/authorized_keys")
kept() { [ ! -f "$file" ] || { grep -v -- " $1\\$" "$file"; [ $? -le 1 ]; }; }
given_up() { rm -f "$file.nfvlab"; exit 1; }
replace() { { [ ! -f "$file" ] || { chown --reference="$file" "$file.nfvlab" && chmod --reference="$file" "$file.nfvlab"; }; } && sync "$file.nfvlab" && mv "$file.nfvlab" "$file"; }
`;

const ADMIT = `${EDIT}key=$(cat)
until=$(date -d "+$3 seconds" +%Y%m%d%H%M%S) || exit
{ kept "$1" && printf 'restrict,port-forwarding,command="/bin/false",from="%s",expiry-time="%s" %s\\n' "$2" "$until" "$key"; } >"$file.nfvlab" && replace || given_up
echo "@user $(id -un)"
for socket in /run/libvirt/virtqemud-sock /run/libvirt/libvirt-sock; do [ ! -S "$socket" ] || echo "@socket $socket"; done
cat /etc/ssh/ssh_host_*_key.pub`;

const DISMISS = `${EDIT}[ -f "$file" ] && grep -q -- " $1\\$" "$file" || exit 0
kept "$1" >"$file.nfvlab" && replace || given_up
[ -s "$file" ] || rm -f "$file"`;

/**
 * Lets a link's key in on the machine that it leads to: from one address, until a time, for a tunnel alone. Prints who the key logs in as, where libvirt listens, and the
 * machine's own public keys.
 *
 * @see AUTHORIZED_KEYS FILE FORMAT of sshd(8)
 */
export function admitLink({ mark }: Link, key: string, from: string, seconds: number): Step {
  return {
    purpose: "let the link's key in",
    argv: ["sh", "-c", ADMIT, "sh", mark, from, `${seconds}`],
    stdin: `${key}\n`,
  };
}

/** Takes a link's key away again. */
export function dismissLink({ mark }: Link): Step {
  return { purpose: "take the link's key away", argv: ["sh", "-c", DISMISS, "sh", mark] };
}

/** A machine that a link leads to, as it says of itself. */
export interface LinkEnd {
  readonly user: string;
  readonly socket: string;
  readonly hostKeys: readonly string[];
}

/**
 * Reads what `admitLink` printed. Its keys came over a connection whose own key is pinned: the link trusts nothing else.
 *
 * @throws HostError `link-end`
 */
export function linkEndOf(stdout: string, host: string): LinkEnd {
  const lines = stdout.split("\n").map((line) => line.trim());
  const of = (name: string) => lines.find((line) => line.startsWith(`@${name} `))?.slice(name.length + 2);
  const [user, socket] = [of("user"), of("socket")];
  const hostKeys = lines.filter((line) => PUBLIC_KEY.test(line));
  if (user !== undefined && socket !== undefined && hostKeys.length > 0) return { user, socket, hostKeys };
  throw new HostError({
    code: "link-end",
    problem: `${host} has not what a link to its libvirt needs`,
    observed: [
      ...(socket === undefined ? ["no socket of libvirt under /run/libvirt"] : []),
      ...(hostKeys.length === 0 ? ["no key of an SSH server under /etc/ssh"] : []),
    ].join(" and "),
    expected: "a running libvirt and OpenSSH's server",
    hint: "start them: systemctl start libvirtd ssh",
  });
}

// Standard error goes to a file, since the unit is gone with its journal's last lines still on their way when it fails.
const OPEN = `folder=$1 unit=$2 seconds=$3 socket=$4 to=$5 port=$6
cat >"$folder/known" || exit
systemd-run --quiet --collect --unit="$unit" --property=RuntimeMaxSec="$seconds" --property=StandardError="file:$folder/said" \\
  ssh -F none -N -i "$folder/key" -p "$port" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \\
  -o UserKnownHostsFile="$folder/known" -o GlobalKnownHostsFile=none -o ExitOnForwardFailure=yes -o ConnectTimeout=20 \\
  -o ServerAliveInterval=5 -o ServerAliveCountMax=6 -L "$folder/libvirt.sock:$socket" "$to" || exit
for try in $(seq 1 60); do
  [ -S "$folder/libvirt.sock" ] && virsh --quiet --connect "qemu+unix:///system?socket=$folder/libvirt.sock" hostname 2>>"$folder/said" && exit
  systemctl is-active --quiet "$unit" || break
  sleep 0.5
done
tail -n 3 "$folder/said" >&2
exit 1`;

/** Opens the tunnel to the other machine's libvirt, and asks that for its name. It ends by itself where the engine was lost. */
export function openLink(
  { folder, unit }: Link,
  { user, socket, hostKeys }: LinkEnd,
  { address, port, seconds }: { readonly address: string; readonly port: number; readonly seconds: number },
): Step {
  const shown = port === 22 ? address : `[${address}]:${port}`;
  const known = hostKeys.map((key) => `${shown} ${key.split(" ").slice(0, 2).join(" ")}\n`).join("");
  return {
    purpose: `open a tunnel to libvirt on ${address}`,
    argv: [
      "sh",
      "-c",
      OPEN,
      "sh",
      folder,
      `${unit}.service`,
      `${seconds}`,
      socket,
      `${user}@${address}`,
      `${port}`,
    ],
    stdin: known,
    timeoutMs: 120_000,
  };
}

/** Closes the tunnel and removes its key. */
export function closeLink({ folder, unit }: Link): Step {
  return {
    purpose: "close the link",
    argv: ["sh", "-c", 'systemctl stop "$1" 2>/dev/null; rm -rf "$2"', "sh", `${unit}.service`, folder],
  };
}
