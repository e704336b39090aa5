#!/bin/bash
# install-bundle.sh [--root DIR] BUNDLE.tar.gz
#
# Puts a bundle where it belongs, here or in the root file system under DIR. May be run again and again; an older version
# stays beside the new one, so going back is one command: ln -sfn /opt/pulse-node/VERSION /opt/pulse-node/current
#
#   /opt/pulse-node/VERSION/          the bundle            /opt/pulse-node/current   link to it
#   /usr/local/bin/pulse-node         link into current     /etc/pulse-node/          configuration; made empty
#   /usr/lib/systemd/system, /usr/lib/sysusers.d, /usr/lib/tmpfiles.d   unit files, user, directories
#
# It configures, enables and starts nothing.

set -euo pipefail

fail() {
  echo "install-bundle: $1" >&2
  exit 1
}

root=
if [ "${1:-}" = --root ]; then
  root=${2:?--root needs a directory}
  root=${root%/}
  shift 2
fi
[ $# -eq 1 ] || fail 'usage: install-bundle.sh [--root DIR] BUNDLE.tar.gz'
bundle=$1
[ -f "$bundle" ] || fail "there is no $bundle"
[ "$(id -u)" -eq 0 ] || fail 'run it as root'

hash=$(sha256sum "$bundle" | cut -d' ' -f1)
if [ -f "$bundle.sha256" ]; then
  [ "$hash" = "$(cut -d' ' -f1 "$bundle.sha256")" ] || fail "$bundle does not have the hash that $bundle.sha256 states: get it again"
fi

opt=$root/opt/pulse-node
install -d -m 0755 "$root/opt" "$opt"
new=$(mktemp -d "$opt/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
# Owners are those of the archive, which has root only; the mask of whoever calls counts for nothing.
tar -xzpf "$bundle" -C "$new" --numeric-owner
name=$(ls "$new")
case $name in
  pulse-node-[0-9]*) version=${name#pulse-node-} ;;
  *) fail "$bundle is no bundle of pulse-node" ;;
esac
(cd "$new/$name" && sha256sum --check --quiet --strict MANIFEST.sha256) || fail "$bundle is damaged"
case $(sed -n 's/.*"arch": "\(.*\)".*/\1/p' "$new/$name/build.json") in
  x64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) machine=unknown ;;
esac
[ -n "$root" ] || [ "$machine" = "$(uname -m)" ] || fail "$bundle is for $machine, this machine is $(uname -m)"
printf '%s  %s\n' "$hash" "$(basename "$bundle")" > "$new/$name/BUNDLE.sha256"
chmod 0644 "$new/$name/BUNDLE.sha256"

# The same version again replaces it; a node that runs from it keeps its open files until it is restarted.
if [ -e "$opt/$version" ]; then mv "$opt/$version" "$new/old"; fi
mv "$new/$name" "$opt/$version"
ln -sfn "$version" "$opt/current.new"
mv -T "$opt/current.new" "$opt/current"

install -d -m 0755 "$root/usr/local/bin" "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d"
ln -sfn /opt/pulse-node/current/bin/pulse-node "$root/usr/local/bin/pulse-node"
for file in "$opt/$version"/systemd/*; do
  base=$(basename "$file")
  case $base in
    *.service | *.socket | *.path | *.timer | *.target | *.mount) install -m 0644 "$file" "$root/usr/lib/systemd/system/$base" ;;
    *.sysusers) install -m 0644 "$file" "$root/usr/lib/sysusers.d/${base%.sysusers}.conf" ;;
    *.tmpfiles) install -m 0644 "$file" "$root/usr/lib/tmpfiles.d/${base%.tmpfiles}.conf" ;;
  esac
done
systemd-sysusers --root="${root:-/}" pulse-node.conf
systemd-tmpfiles --root="${root:-/}" --create pulse-node.conf
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

echo "pulse-node $version is in ${root}/opt/pulse-node/$version (bundle $hash)"
