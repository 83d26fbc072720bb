# Netdata: the name of a container by its control group. It takes DOCKER_HOST for curl, so without tcp://, and asks the CLI
# instead where there is one.
set -eu
mkdir "$WORK/bin"
for tool in basename bash cat curl date grep jq logger sed tr; do ln -s "$(command -v $tool)" "$WORK/bin"; done
PATH=$WORK/bin DOCKER_HOST=${DOCKER_HOST#tcp://} bash "$APPS/debian/usr/lib/netdata/plugins.d/cgroup-name.sh" \
    "/docker/$ID" "docker_$ID" 2>"$WORK/log" || cat "$WORK/log"
