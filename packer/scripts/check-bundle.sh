#!/bin/bash
# Refuses a bundle that is not the one which the image will be labelled with. $1: the bundle
set -euo pipefail
printf '%s  %s\n' "$BUNDLE_SHA256" "$1" | sha256sum --check --quiet
