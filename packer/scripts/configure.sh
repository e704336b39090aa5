#!/bin/bash
# Makes a machine with an installed bundle into the image of a node: configured at first boot, no way in but the one chosen.
set -euo pipefail

systemctl enable pulse-node.service pulse-node-first-boot.service

# What this image is made of.
install -d -m 0755 /usr/share/pulse-node
printf '{"version":"%s","commit":"%s","bundleSha256":"%s","os":"%s"}\n' "$VERSION" "$COMMIT" "$BUNDLE_SHA256" "$BASE_OS" \
  > /usr/share/pulse-node/image.json

# No password opens anything, and root does not log in from afar.
install -d -m 0755 /etc/ssh/sshd_config.d
cat > /etc/ssh/sshd_config.d/10-pulse-node.conf <<'SSHD'
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
SSHD
while IFS=: read -r user hash _; do
  case $hash in
    '!'* | '*'*) ;;
    *) passwd --quiet --lock "$user" 2> /dev/null || passwd -l "$user" ;;
  esac
done < /etc/shadow

if [ "$SSH_ENABLED" != true ]; then
  # Off at the next boot; the bake still talks through it.
  for unit in ssh.socket ssh.service sshd.socket sshd.service; do
    systemctl disable "$unit" 2> /dev/null || true
  done
fi

# The package manager runs when an operator says so: a node that changes under its validator's feet is no sealed image.
for timer in apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer; do
  systemctl disable "$timer" 2> /dev/null || true
done
