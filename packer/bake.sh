#!/bin/bash
# Bakes an image of a bundle.
#
#   packer/bake.sh TARGET BUNDLE_DIR OUT_DIR
#
# TARGET      local, aws-x86_64 or aws-arm64
# BUNDLE_DIR  where npm run bundle put pulse-node-<version>-linux-<arch>.tar.gz
# OUT_DIR     must not exist; gets manifest.json and, for local, the disk
#
#   BASE_IMAGE    disk that the local image starts from (needed for local)
#   OS            debian-12 (default) or amazon-linux-2023; for aws-*
#   SSH_ENABLED   true leaves sshd on in the local image
#   AWS_REGION    region of the AMI
#   KMS_KEY_ID    key for the root volume; default: the account's
set -euo pipefail
packer_dir=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$packer_dir/lib.sh"

[ $# -eq 3 ] || die 'usage: bake.sh local|aws-x86_64|aws-arm64 BUNDLE_DIR OUT_DIR'
target=$1
bundle_dir=$(cd "$2" && pwd)
out=$3
case $target in
  local) source=qemu.local arch=x64 ;;
  aws-x86_64) source=amazon-ebs.x86_64 arch=x64 ;;
  aws-arm64) source=amazon-ebs.arm64 arch=arm64 ;;
  *) die "there is no target $target" ;;
esac
[ ! -e "$out" ] || die "$out exists already: an interrupted run may still be deleting in it"

version=$(node -p 'require(process.argv[1]).version' "$packer_dir/../package.json")
bundle=$bundle_dir/pulse-node-$version-linux-$arch.tar.gz
[ -f "$bundle" ] || die "there is no $bundle: make it with npm run bundle"
commit=$(tar -xzOf "$bundle" "pulse-node-$version/build.json" | sed -nE 's/^ *"commit": "([0-9a-f]+).*/\1/p')
bundle_sha256=$(sha256sum "$bundle" | cut -d ' ' -f 1)

mkdir -p "$out/seed"
out=$(cd "$out" && pwd)
copy_template "$out/template"
# A key for this bake only. The file provisioner and the seed are all that knows it.
ssh-keygen -q -t ed25519 -N '' -C bake -f "$out/bake_key"
vars=(
  -var "version=$version" -var "commit=$commit" -var "bundle_dir=$bundle_dir" -var "bundle_sha256=$bundle_sha256"
  -var "output_dir=$out" -var "bake_key_file=$out/bake_key" -var "ssh_enabled=${SSH_ENABLED:-false}"
)
cat > "$out/seed/user-data" <<SEED
#cloud-config
users:
  - name: bake
    sudo: ALL=(ALL) NOPASSWD:ALL
    shell: /bin/bash
    lock_passwd: true
    ssh_authorized_keys:
      - $(cat "$out/bake_key.pub")
SEED
printf 'instance-id: bake\nlocal-hostname: bake\n' > "$out/seed/meta-data"
if [ "$target" = local ]; then
  [ -n "${BASE_IMAGE:-}" ] || die 'BASE_IMAGE is not set'
  vars+=(-var "base_image=$BASE_IMAGE" -var "base_sha256=$(sha256sum "$BASE_IMAGE" | cut -d ' ' -f 1)" -var os=debian-12)
else
  vars+=(-var "os=${OS:-debian-12}" -var "kms_key_id=${KMS_KEY_ID:-}")
  [ -z "${AWS_REGION:-}" ] || vars+=(-var "region=$AWS_REGION")
fi

cd "$out/template"
if is_modern_packer; then packer init .; fi
packer validate -only="$source" "${vars[@]}" .
PACKER_CACHE_DIR=$out/cache CHECKPOINT_DISABLE=1 packer build -color=false -only="$source" "${vars[@]}" .
rm -rf "$out/bake_key" "$out/bake_key.pub" "$out/seed" "$out/template" "$out/cache"

# Packer ends with 0 when -only matches nothing.
node - "$out/manifest.json" "$source" "$bundle_sha256" <<'CHECK'
const [file, source, sha256] = process.argv.slice(2)
const { readFileSync } = require('node:fs')
const { builds } = JSON.parse(readFileSync(file, 'utf8'))
const [build] = builds
const [builder, name] = source.split('.')
const right = builds.length === 1 && build.builder_type === (builder === 'qemu' ? 'qemu' : builder) && build.name === name
if (!right || build.custom_data.bundle_sha256 !== sha256) throw new Error(`the manifest ${file} does not tell of ${source}`)
console.log(`${source}: ${build.artifact_id || build.files.map(({ name, size }) => `${name} (${size} bytes)`).join(', ')}`)
CHECK
