import { createHash } from "node:crypto";
import { removeEmptied, type Step } from "./step.ts";

export const IMAGE_FOLDER = "/var/lib/nfvlab/images";

/** Debian packages that a boot image is made from, by the program that each is asked for. */
export const IMAGE_PROGRAMS: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  "qemu-ga": "qemu-guest-agent",
  cyclictest: "rt-tests",
  oslat: "rt-tests",
  ping: "iputils-ping",
  cpio: "cpio",
  depmod: "kmod",
  zstd: "zstd",
};

/** Line on the console that tells that the guest is up. */
export const READY_MARK = "NFVLAB-GUEST-READY";

/** First program of the guest: mounts, drivers of what it has, addresses, bridge and routes from the boot arguments, then the agent for ever. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /sbin /usr/bin /usr/sbin
/bin/busybox --install -s /bin
rm -f /bin/ping
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
for bus in pci virtio; do
  for alias in /sys/bus/$bus/devices/*/modalias; do
    [ ! -e "$alias" ] || modprobe -q "$(cat "$alias")"
  done
done
interface_of() {
  for interface in /sys/class/net/*; do
    [ "$(cat "$interface/address")" != "$1" ] || basename "$interface"
  done
}
ip link set lo up
for argument in $(cat /proc/cmdline); do
  case $argument in
    nfvlab.address=*)
      value=\${argument#*=}
      for interface in $(interface_of "\${value%%,*}"); do
        ip addr add "\${value#*,}" dev "$interface"
        ip link set "$interface" up
      done ;;
    nfvlab.bridge=*)
      modprobe bridge
      brctl addbr forward
      echo 0 > /sys/class/net/forward/bridge/multicast_snooping
      for mac in $(echo "\${argument#*=}" | tr , ' '); do
        for interface in $(interface_of "$mac"); do
          brctl addif forward "$interface"
          ip link set "$interface" promisc on up
        done
      done
      ip link set forward up ;;
    nfvlab.route=*)
      echo 1 > /proc/sys/net/ipv4/ip_forward
      # What is to go this way may come by an interface that has neither an address nor a route.
      for interface in /sys/class/net/*; do
        ip link set "$(basename "$interface")" up
      done
      set -- $(echo "\${argument#*=}" | tr , ' ')
      for interface in $(interface_of "$1"); do
        ip link set "$interface" up
        ip route add "$2/32" dev "$interface"
        arp -i "$interface" -s "$2" "$3"
      done ;;
  esac
done
echo ${READY_MARK}
while :; do
  for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name" 2>/dev/null)" = org.qemu.guest_agent.0 ] && qemu-ga -m virtio-serial -p "/dev/$(basename "$port")" -t /run
  done
  sleep 1
done
`;

const SHUTDOWN = `#!/bin/busybox sh
exec /bin/busybox poweroff -f
`;

/**
 * Builds on the machine: kernel and initramfs side by side, a manifest last. Files are laid out in sorted order with one time stamp, so equal packages
 * give equal images.
 */
export function buildBootImage(image: ImageContents & { readonly name: string }): Step[] {
  const { name, programs = [], modules = [] } = image;
  return [
    {
      purpose: `build the boot image ${name}`,
      argv: [
        ...["sh", "-s", name, recipeHash(image)],
        ...[[...PROGRAMS, ...programs].join(" "), [...MODULES, ...modules].join(" ")],
      ] as [string, ...string[]],
      stdin: BUILD,
      timeoutMs: 600_000,
    },
  ];
}

/** What an image holds beside what all do. */
export interface ImageContents {
  readonly programs?: readonly string[] | undefined;
  readonly modules?: readonly string[] | undefined;
}

const PROGRAMS = ["qemu-ga", "cyclictest", "oslat", "ping"];
const MODULES = [
  ...["virtio_net", "virtio_console", "virtio_rng", "virtio_blk", "bridge"],
  // Cards that QEMU emulates, and virtual functions as they come by passthrough.
  ...["e1000", "e1000e", "8139cp", "igbvf", "iavf", "ixgbevf"],
];

/** Programs that must be on the machine, each with the package of Debian that has it where that is known. */
export function neededPrograms({ programs = [] }: ImageContents): string[] {
  return [...new Set([...Object.keys(IMAGE_PROGRAMS), ...programs])];
}

/** Tells an image of this recipe and these contents from one of an earlier release or of others. */
export function recipeHash({ programs = [], modules = [] }: ImageContents = {}): string {
  const recipe = JSON.stringify([BUILD, [...PROGRAMS, ...programs], [...MODULES, ...modules]]);
  return createHash("sha256").update(recipe).digest("hex").slice(0, 16);
}

export function removeBootImage(name: string): Step[] {
  return [
    { purpose: `remove the boot image ${name}`, argv: ["rm", "-rf", `${IMAGE_FOLDER}/${name}`] },
    removeEmptied("remove the folder of boot images, where this was the last one", IMAGE_FOLDER),
  ];
}

const BUILD = `set -eu
target=${IMAGE_FOLDER}/$1
release=$(uname -r)
work=$(mktemp -d ${"${TMPDIR:-/var/tmp}"}/nfvlab-image.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
modules=$root/lib/modules/$release
mkdir -p "$modules" "$root/bin" "$root/sbin" "$root/usr/bin" "$root/usr/sbin" "$root/etc"
cp "$(command -v busybox)" "$root/bin/busybox"
copy() {
  cp -L "$(command -v "$1")" "$root/usr/bin/$(basename "$1")"
  ldd "$(command -v "$1")" 2>/dev/null | sed -n -e 's/.*=> \\(\\/[^ ]*\\) .*/\\1/p' -e 's/^[[:space:]]*\\(\\/lib[^ ]*\\) .*/\\1/p' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
}
for program in $3; do copy "$program"; done
for module in $4; do
  modprobe --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p' | while read -r file; do
    plain=$(basename "$file" | sed 's/\\.\\(xz\\|zst\\|gz\\)$//')
    [ ! -e "$modules/$plain" ] || continue
    case $file in *.xz) busybox xzcat "$file" ;; *.zst) zstd -dqc "$file" ;; *.gz) busybox zcat "$file" ;; *) cat "$file" ;; esac > "$modules/$plain"
  done
done
depmod -b "$root" "$release" 2>/dev/null
cat > "$root/init" <<'INIT'
${INIT}INIT
cat > "$root/sbin/shutdown" <<'SHUTDOWN'
${SHUTDOWN}SHUTDOWN
chmod 755 "$root/init" "$root/sbin/shutdown"
echo 'root:x:0:0:root:/:/bin/sh' > "$root/etc/passwd"
find "$root" -exec touch -h -d @0 {} +
mkdir "$work/image"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) | zstd -q -3 -o "$work/image/initramfs"
cp "/boot/vmlinuz-$release" "$work/image/kernel"
chmod 755 "$work/image"
chmod 644 "$work/image/kernel" "$work/image/initramfs"
sum=$(cd "$work/image" && sha256sum kernel initramfs | sha256sum | cut -d ' ' -f 1)
echo "$release $sum $2" > "$work/image/manifest"
mkdir -p ${IMAGE_FOLDER}
chmod 755 /var/lib/nfvlab ${IMAGE_FOLDER}
rm -rf "$target.part"
cp -r "$work/image" "$target.part"
rm -rf "$target"
mv "$target.part" "$target"
`;
