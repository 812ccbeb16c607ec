import { createHash } from "node:crypto";

/** What an image is made of. Two equal specifications make one image. */
export interface ImageSpecification {
  readonly suite: "trixie";
  readonly packages: readonly string[];
  readonly diskMib: number;
}

/** File-system label by which GRUB and the kernel find the disk. */
export const DISK_LABEL = "nfvlab";

/** The management interface is told apart by its address; every other interface is the lab's. */
export const MANAGEMENT_MAC = "52:54:00:6e:66:76";

/** The testbed's own packages. Debian 13 splits DPDK's drivers: OVS needs mempool-ring, or its ports stay dead without a word. */
export const TESTBED_PACKAGES: readonly string[] = [
  ...[
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "linux-image-amd64",
    "initramfs-tools",
    "grub-pc-bin",
    "grub2-common",
  ],
  ...["openssh-server", "iproute2", "iputils-ping", "ethtool", "pciutils", "numactl", "util-linux", "procps"],
  ...[
    "openvswitch-switch-dpdk",
    "librte-mempool-ring25",
    "librte-bus-pci25",
    "librte-bus-vdev25",
    "librte-net-e1000-25",
    "librte-net-null25",
  ],
  // testpmd with every driver of DPDK, and what our own traffic generator is built with.
  ...["dpdk", "dpdk-dev", "libdpdk-dev", "gcc", "libc6-dev", "pkg-config"],
  ...["lxc", "driverctl", "xdp-tools", "bpftool", "libxml2-utils"],
  ...["qemu-system-x86", "qemu-utils", "libvirt-daemon-system", "libvirt-clients"],
  ...["rt-tests", "stress-ng", "busybox-static", "qemu-guest-agent", "cpio", "zstd", "lz4", "tuned"],
];

const GRUB_COMMAND_LINE = "console=ttyS0 tsc=reliable intel_iommu=on iommu=pt quiet $nfvlab_arguments";

/** Runs inside the new tree: a small initramfs, services (tuned only when asked for, no bridge of LXC's own), SSH by key alone, a boot loader that takes arguments from outside and from within. */
export const CUSTOMIZE = `set -eu
printf 'MODULES=list\\nCOMPRESS=lz4\\n' > /etc/initramfs-tools/conf.d/nfvlab
printf '%s\\n' virtio_pci virtio_blk ext4 qemu_fw_cfg > /etc/initramfs-tools/modules
printf '%s\\n' kvm_amd vfio-pci vhost_net > /etc/modules-load.d/nfvlab.conf
printf 'LABEL=${DISK_LABEL} / ext4 errors=remount-ro,noatime 0 1\\n' > /etc/fstab
mkdir -p /etc/systemd/network /boot/grub
printf '[Match]\\nMACAddress=${MANAGEMENT_MAC}\\n[Network]\\nDHCP=ipv4\\nLinkLocalAddressing=no\\n' > /etc/systemd/network/10-management.network
systemctl enable systemd-networkd ssh libvirtd openvswitch-switch serial-getty@ttyS0 2>&1
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer man-db.timer dpkg-db-backup.timer \\
  systemd-networkd-wait-online.service grub-common.service libvirt-guests.service \\
  ldconfig.service systemd-journal-catalog-update.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount 2>&1
systemctl disable tuned lxc lxc-net lxc-monitord dpdk uuidd.socket 2>&1
update-alternatives --set ovs-vswitchd /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
printf 'PermitRootLogin prohibit-password\\nPasswordAuthentication no\\nHostKey /etc/ssh/ssh_host_ed25519_key\\nUseDNS no\\n' > /etc/ssh/sshd_config.d/nfvlab.conf
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
cat > /etc/default/grub <<'GRUB'
GRUB_DEFAULT=saved
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX='${GRUB_COMMAND_LINE}'
GRUB_TERMINAL="serial console"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
GRUB
update-initramfs -u -k all
kernel=$(basename "$(ls /boot/vmlinuz-* | tail -n 1)" | sed 's/^vmlinuz-//')
grub-editenv /boot/grub/grubenv create
cat > /boot/grub/grub.cfg <<GRUB
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
menuentry 'Debian, as installed' {
  linux /boot/vmlinuz-$kernel root=LABEL=${DISK_LABEL} ro ${GRUB_COMMAND_LINE.replace("$", "\\$")}
  initrd /boot/initrd.img-$kernel
}
GRUB
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
`;

/** Hash of everything an image is made of, the recipe included; the packages' versions are those of the day it was made. */
export function imageHash(specification: ImageSpecification): string {
  const { suite, packages, diskMib } = specification;
  const content = JSON.stringify([suite, [...packages].sort(), diskMib, CUSTOMIZE, LAYOUT]);
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}

/** Counts up when what lies in an image's folder changes its shape. */
const LAYOUT = 2;
