#!/bin/bash
# What an AMI needs beside the bundle: Session Manager instead of SSH, names of volumes, a clock that is kept right.
set -euo pipefail
# shellcheck source=/dev/null
. /etc/os-release

if [ "$ID" = debian ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -yq --no-install-recommends chrony amazon-ec2-utils ca-certificates curl gpg libstdc++6 e2fsprogs
  # Amazon's own package, checked against the signature that Amazon publishes with it.
  work=$(mktemp -d)
  region=$(cloud-init query region)
  base=https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/debian_$(dpkg --print-architecture)
  curl --fail --silent --show-error --proto '=https' -o "$work/agent.deb" "$base/amazon-ssm-agent.deb"
  curl --fail --silent --show-error --proto '=https' -o "$work/agent.deb.sig" "$base/amazon-ssm-agent.deb.sig"
  curl --fail --silent --show-error --proto '=https' -o "$work/agent.gpg" "https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/amazon-ssm-agent.gpg"
  gpg --homedir "$work" --import "$work/agent.gpg"
  gpg --homedir "$work" --verify "$work/agent.deb.sig" "$work/agent.deb"
  dpkg -i "$work/agent.deb"
  rm -rf "$work"
  # The clock of the hypervisor, reached without a route to anywhere.
  printf 'server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4\n' > /etc/chrony/sources.d/amazon.sources
  systemctl enable chrony
elif [ "$ID" = amzn ]; then
  # Amazon Linux brings the agent, the names of volumes and the clock's source.
  dnf install -yq chrony libstdc++ e2fsprogs
  systemctl enable chronyd
else
  printf 'ec2.sh: %s is neither Debian nor Amazon Linux\n' "$ID" >&2
  exit 1
fi
systemctl enable amazon-ssm-agent
