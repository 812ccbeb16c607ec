import { createHash } from "node:crypto";
import type { Step } from "./step.ts";

export const IMAGE_FOLDER = "/var/lib/nfvlab/images";

/** Debian packages that a boot image is made from, by the program that each is asked for. */
export const IMAGE_PROGRAMS: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  "qemu-ga": "qemu-guest-agent",
  cyclictest: "rt-tests",
  ping: "iputils-ping",
  cpio: "cpio",
  zstd: "zstd",
};

/** Line on the console that tells that the guest is up. */
export const READY_MARK = "NFVLAB-GUEST-READY";

/** First program of the guest: mounts, modules, addresses from the boot arguments, then the agent for ever. */
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
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip link set lo up
for argument in $(cat /proc/cmdline); do
  case $argument in
    nfvlab.address=*)
      value=\${argument#*=}
      for interface in /sys/class/net/*; do
        [ "$(cat "$interface/address")" = "\${value%%,*}" ] || continue
        ip addr add "\${value#*,}" dev "$(basename "$interface")"
        ip link set "$(basename "$interface")" up
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
export function buildBootImage(name: string): Step[] {
  return [
    {
      purpose: `build the boot image ${name}`,
      argv: ["sh", "-s", name, recipeHash()],
      stdin: BUILD,
      timeoutMs: 300_000,
    },
  ];
}

/** Tells an image of this recipe from one that an earlier release of it built. */
export function recipeHash(): string {
  return createHash("sha256").update(BUILD).digest("hex").slice(0, 16);
}

export function removeBootImage(name: string): Step[] {
  return [{ purpose: `remove the boot image ${name}`, argv: ["rm", "-rf", `${IMAGE_FOLDER}/${name}`] }];
}

const BUILD = `set -eu
target=${IMAGE_FOLDER}/$1
release=$(uname -r)
work=$(mktemp -d ${"${TMPDIR:-/var/tmp}"}/nfvlab-image.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/bin" "$root/sbin" "$root/usr/bin" "$root/usr/sbin" "$root/modules" "$root/etc"
cp "$(command -v busybox)" "$root/bin/busybox"
copy() {
  cp -L "$(command -v "$1")" "$root/usr/bin/$1"
  ldd "$(command -v "$1")" | sed -n -e 's/.*=> \\(\\/[^ ]*\\) .*/\\1/p' -e 's/^[[:space:]]*\\(\\/lib[^ ]*\\) .*/\\1/p' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
}
for program in qemu-ga cyclictest ping; do copy "$program"; done
for module in virtio_net virtio_console virtio_rng virtio_blk; do
  modprobe --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p' | while read -r file; do
    plain=$(basename "$file" | sed 's/\\.\\(xz\\|zst\\|gz\\)$//')
    [ ! -e "$root/modules/$plain" ] || continue
    case $file in *.xz) busybox xzcat "$file" ;; *.zst) zstd -dqc "$file" ;; *.gz) busybox zcat "$file" ;; *) cat "$file" ;; esac > "$root/modules/$plain"
    echo "$plain" >> "$root/modules/order"
  done
done
touch "$root/modules/order"
cat > "$root/init" <<'INIT'
${INIT}INIT
cat > "$root/sbin/shutdown" <<'SHUTDOWN'
${SHUTDOWN}SHUTDOWN
chmod 755 "$root/init" "$root/sbin/shutdown"
echo 'root:x:0:0:root:/:/bin/sh' > "$root/etc/passwd"
find "$root" -exec touch -h -d @0 {} +
mkdir "$work/image"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) | zstd -q -10 -o "$work/image/initramfs"
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
