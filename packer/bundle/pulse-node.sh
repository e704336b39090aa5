#!/bin/sh
# Starts pulse-node on the Node.js of its bundle, wherever that lies and whatever Node.js the machine has.
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/../node/bin/node" "$here/main.js" "$@"
