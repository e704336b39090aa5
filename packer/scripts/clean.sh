#!/bin/bash
# Takes everything out of the image that belongs to this bake and not to the instances that start from it.
set -euo pipefail
shopt -s nullglob

[ -z "$(ls -A /var/lib/pulse-node 2> /dev/null)" ] || { echo 'clean.sh: there is data in /var/lib/pulse-node' >&2; exit 1; }

if command -v apt-get > /dev/null; then
  apt-get clean
  rm -rf /var/lib/apt/lists/*
fi
if command -v dnf > /dev/null; then dnf clean all > /dev/null; fi

# The journal goes to memory first, or it would be written again.
journalctl --relinquish-var 2> /dev/null || true
rm -rf /var/log/journal/*
find /var/log -type f -exec truncate --size 0 {} +
rm -f /var/log/cloud-init*.log /var/log/lastlog /var/log/wtmp /var/log/btmp

# cloud-init starts anew, and writes its network files for the card that it finds then.
rm -rf /var/lib/cloud/* /run/cloud-init
rm -f /etc/systemd/network/10-cloud-init-* /run/systemd/network/10-cloud-init-* /etc/netplan/50-cloud-init.yaml
rm -f /var/lib/dhcp/* /var/lib/dhclient/* /var/lib/NetworkManager/*

# Identity of the machine, keys, histories.
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id
echo localhost > /etc/hostname
rm -f /etc/ssh/ssh_host_*
for home in /root /home/*; do
  rm -rf "$home/.bash_history" "$home/.lesshst" "$home/.cache"
  # Of the local bake's user the whole home goes in the last step.
  [ "$home" = /home/bake ] || rm -rf "$home/.ssh"
done
# These write their state when they stop: at shutdown, that would be after the cleaning.
systemctl stop systemd-random-seed.service
for unit in chrony.service chronyd.service; do
  systemctl stop "$unit" 2> /dev/null || true
done
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
rm -rf /var/lib/chrony/* /var/lib/amazon/ssm/* /var/lib/systemd/timers/* /var/lib/systemd/timesync/*
rm -f /tmp/pulse-node.tar.gz
find /var/tmp -mindepth 1 -delete

# The user of a local bake cannot be taken away while it is needed: this is the command that shuts the machine down.
if id bake > /dev/null 2>&1; then
  cat > /root/last-step.sh <<'LAST'
rm -f /etc/sudoers.d/90-cloud-init-users /root/last-step.sh
userdel --force --remove bake || true
# What userdel and passwd keep of the files as they were.
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -rf /home/bake /tmp/* /tmp/.[!.]* /var/lib/sudo /run/sudo
sync
systemctl poweroff
LAST
fi
sync
