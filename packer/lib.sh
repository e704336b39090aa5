# shellcheck shell=bash
# Shared by bake.sh and check.sh. Sourced, not run; packer_dir is this directory.

die() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit 1
}

# True for Packer 1.7 and newer, where builders are plugins.
is_modern_packer() {
  local minor
  minor=$(packer version | sed -nE 's/^Packer v1\.([0-9]+)\..*/\1/p' | head -1)
  [ "${minor:-6}" -ge 7 ]
}

# Copies the template and its scripts to where this Packer can read them. $1: directory to make
copy_template() {
  mkdir -p "$1"
  # shellcheck disable=SC2154 # set by those that source this
  cp -r "$packer_dir/scripts" "$1/"
  if is_modern_packer; then
    sed -E 's/^( *)#modern /\1/' "$packer_dir/pulse-node.pkr.hcl" > "$1/pulse-node.pkr.hcl"
    cp "$packer_dir/modern/plugins.hcl" "$1/plugins.pkr.hcl"
  else
    cp "$packer_dir/pulse-node.pkr.hcl" "$1/"
  fi
}
