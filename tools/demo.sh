#!/bin/sh
# The demo, once the tools are built: tools/dev.sh demo calls it. Arguments are those of evbus-demo.
set -eu
exec "$EVBUS_TOOLS_DIR/evbus-demo" "$@"
