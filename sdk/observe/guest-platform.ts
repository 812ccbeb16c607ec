import type { Probe } from "./probe.ts";

/** Flags of the machine's CPU, and the user that guests run as. */
export const guestPlatform: Probe<{ readonly cpuFlags: ReadonlySet<string>; readonly qemuUser: string }> = {
  name: "guest-platform",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      "grep -m1 '^flags' /proc/cpuinfo; for user in libvirt-qemu qemu root; do id -u $user >/dev/null 2>&1 && echo user=$user && break; done",
    ],
  },
  parse: ({ stdout }) => ({
    cpuFlags: new Set((/^flags\s*:\s*(.*)$/m.exec(stdout)?.[1] ?? "").split(" ")),
    qemuUser: /^user=(\S+)$/m.exec(stdout)?.[1] ?? "root",
  }),
};

/** What interfaces of guests can be joined to. */
export interface GuestAttachments {
  readonly bridges: ReadonlySet<string>;
  readonly taps: ReadonlySet<string>;
  /** Virtual networks of libvirt's that are active. */
  readonly networks: ReadonlySet<string>;
  /** Network devices of any kind, bridges and taps among them. */
  readonly devices: ReadonlySet<string>;
  readonly vdpaDevices: ReadonlySet<string>;
  /** Paths of UNIX sockets that somebody listens on. */
  readonly listening: ReadonlySet<string>;
}

const SCRIPT = `for link in /sys/class/net/*; do
  [ -d "$link" ] || continue
  kind=device
  [ ! -d "$link/bridge" ] || kind=bridge
  [ ! -e "$link/tun_flags" ] || kind=tap
  echo "$kind \${link##*/}"
done
for device in /dev/vhost-vdpa-*; do [ ! -e "$device" ] || echo "vdpa $device"; done
virsh --readonly --quiet --connect qemu:///system net-list --name 2>/dev/null | sed -n 's/^\\(..*\\)$/network \\1/p'
sed -n 's/^[^ ]* [^ ]* [^ ]* 00010000 .* \\(/[^ ]*\\)$/socket \\1/p' /proc/net/unix`;

export const guestAttachments: Probe<GuestAttachments> = {
  name: "guest-attachments",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const found = stdout.split("\n").map((line) => line.split(" "));
    const of = (...kinds: string[]) =>
      new Set(
        found.flatMap(([kind, name]) => (name !== undefined && kinds.includes(kind ?? "") ? [name] : [])),
      );
    return {
      bridges: of("bridge"),
      taps: of("tap"),
      networks: of("network"),
      devices: of("device", "bridge", "tap"),
      vdpaDevices: of("vdpa"),
      listening: of("socket"),
    };
  },
};
