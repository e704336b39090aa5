#!/bin/bash
# Makes the base image of the local proof: a small Debian with kernel, GRUB, cloud-init and SSH, as a qcow2 disk.
# It stands in for the vendor's image that a release build starts from. Needs root, mmdebstrap, qemu-utils, e2fsprogs and
# grub-pc-bin; no loop device, no mount. The package sources are those of this machine.
#
#   base-image.sh OUT.qcow2
set -euo pipefail

out=$1
suite=bookworm
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT

packages=(
  systemd systemd-sysv udev dbus systemd-resolved libpam-systemd linux-image-cloud-amd64 initramfs-tools
  cloud-init cloud-guest-utils isc-dhcp-client openssh-server sudo ca-certificates iproute2 e2fsprogs chrony libstdc++6
)
# One line for each source of the same suite; without any, mmdebstrap takes Debian's own.
# shellcheck disable=SC2016 # apt fills these in
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
  grep -E " $suite(-updates|-security)? " | sort -u || true)

cat > "$work/setup.sh" <<'SETUP'
set -eu
root=$1
printf 'pulse\n' > "$root/etc/hostname"
printf 'PULSE_ROOT / ext4 defaults,noatime 0 1\n' | sed 's/PULSE_ROOT/LABEL=pulse-root/' > "$root/etc/fstab"
# cloud-init does what a vendor's image needs of it here, and no more: emulated, every module takes seconds.
install -D -m 0644 /dev/stdin "$root/etc/cloud/cloud.cfg.d/90_base.cfg" <<'CFG'
datasource_list: [NoCloud, Ec2, None]
locale: false
cloud_init_modules: [growpart, resizefs, set_hostname, users-groups, ssh, write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
system_info:
  network:
    renderers: [networkd]
CFG
chroot "$root" systemctl enable systemd-networkd systemd-resolved ssh chrony
chroot "$root" systemctl mask systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer
# A small initial RAM disk: the disks of QEMU, the file system, and the CD on which cloud-init looks for its seed very early.
printf 'MODULES=list\nCOMPRESS=gzip\n' > "$root/etc/initramfs-tools/conf.d/base"
printf '%s\n' virtio_pci virtio_blk ext4 crc32c_generic ata_piix sr_mod isofs >> "$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
SETUP

if [ -n "$sources" ]; then source_args=(-); else source_args=(); fi
mmdebstrap --quiet --variant=minbase --include="$(IFS=,; printf '%s' "${packages[*]}")" \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook="sh $work/setup.sh \"\$1\"" \
  "$suite" "$work/root" "${source_args[@]}" <<< "$sources"

# A disk with one partition at 1 MiB. GRUB's core image lies in the gap before it, where boot.img looks for it.
disk_mib=3072
kernel=$(basename "$work"/root/boot/vmlinuz-*)
initrd=$(basename "$work"/root/boot/initrd.img-*)
mkdir -p "$work/root/boot/grub"
cat > "$work/root/boot/grub/grub.cfg" <<GRUB
serial --unit=0 --speed=115200
terminal_output serial
linux /boot/$kernel root=LABEL=pulse-root ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet
initrd /boot/$initrd
boot
GRUB
grub-mkimage --format i386-pc --output "$work/core.img" --prefix '(hd0,msdos1)/boot/grub' \
  biosdisk part_msdos ext2 normal linux serial terminal boot
[ "$(stat -c %s "$work/core.img")" -lt $((2047 * 512)) ]

truncate -s "${disk_mib}M" "$work/disk.raw"
dd if=/usr/lib/grub/i386-pc/boot.img of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
# The partition table, 66 bytes: a bootable Linux partition from sector 2048 to the end, three empty entries, the magic number.
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
entry="\\x80\\xfe\\xff\\xff\\x83\\xfe\\xff\\xff$(le32 2048)$(le32 $(((disk_mib - 1) * 2048)))"
{ printf '%b' "$entry"; head -c 48 /dev/zero; printf '\x55\xaa'; } | dd of="$work/disk.raw" bs=1 seek=446 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=1 conv=notrunc status=none
mkfs.ext4 -q -L pulse-root -d "$work/root" -E offset=$((2048 * 512)),lazy_itable_init=0 "$work/disk.raw" $(((disk_mib - 1) * 1024))k
qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
mv "$work/disk.qcow2" "$out"
