#!/bin/sh
# Starts pulse-node on the Node.js of its bundle, wherever that lies and whatever Node.js the machine has.
here=$(dirname -- "$(readlink -f -- "$0")")
# The daemon's memory settings, as main.js would make them by starting Node.js a second time.
flags=
case " $* " in
  *' start '*)
    if [ -z "${MALLOC_ARENA_MAX+set}" ]; then
      export MALLOC_ARENA_MAX=2
      flags=--max-semi-space-size=8
    fi
    ;;
esac
# shellcheck disable=SC2086 # no flag is no argument
exec "$here/../node/bin/node" $flags "$here/main.js" "$@"
