#!/bin/bash
# Checks the template without baking: layout, and all options of every source. Needs no credentials and no network with
# Packer 1.6.6; a newer one loads its plugins first.
set -euo pipefail
packer_dir=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$packer_dir/lib.sh"

packer fmt -check -diff "$packer_dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy_template "$work/template"
# What the options name must exist; nothing is read.
mkdir "$work/seed"
touch "$work/seed/user-data" "$work/seed/meta-data" "$work/bundle" "$work/template/scripts/install-bundle.sh"
touch "$work/pulse-node-0.0.0-linux-x64.tar.gz" "$work/pulse-node-0.0.0-linux-arm64.tar.gz"
ssh-keygen -q -t ed25519 -N '' -f "$work/bake_key"

export CHECKPOINT_DISABLE=1
cd "$work/template"
if is_modern_packer; then packer init .; fi
for os in debian-12 amazon-linux-2023; do
  # Without -only, which is silent about a name that matches nothing: this goes through every source of the build.
  packer validate -var version=0.0.0 -var commit=0 -var bundle_sha256=0 -var "bundle_dir=$work" -var "output_dir=$work" \
    -var "bake_key_file=$work/bake_key" -var "os=$os" .
  printf '%s: validated %s\n' "$os" "$(sed -nE 's/^source "([^"]+)" "([^"]+)".*/\1.\2/p' pulse-node.pkr.hcl | paste -sd ' ')"
done
