# Glances: its list of containers, without the figures, which change.
set -eu
glances -C /dev/null --disable-plugin all --enable-plugin containers --stdout-json containers --stop-after 2 >"$WORK/out"
tail -n 1 "$WORK/out" | jq -r '.containers[] | .name, .status, .image[]'
