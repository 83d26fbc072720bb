# podman's remote client, which speaks the libpod API.
set -eu
podman() { command podman --remote --url "$(echo "$DOCKER_HOST" | sed 's|^unix:/*|unix:///|')" "$@"; }
podman version --format '{{.Server.Version}}'
podman info --format '{{.Host.Arch}}'
podman images --format '{{.Repository}}' | sort
podman run --rm $OPTIONS busybox echo run
echo piped | podman run -i --rm $OPTIONS busybox cat
podman run -d --name remote $OPTIONS busybox sh -c 'echo started; exec sleep 999' >/dev/null
podman exec remote echo exec
echo piped | podman exec -i remote cat
podman ps --format '{{.Names}}'
podman inspect --format '{{.State.Running}}' remote
podman logs remote
echo "of the host" >"$WORK/in"
podman cp "$WORK/in" remote:/copied
podman cp remote:/copied "$WORK/out" && cat "$WORK/out"
podman pause remote >/dev/null && podman unpause remote >/dev/null
# Not commit, build or kube: no variable opens them.
podman tag busybox committed
podman save -q -o "$WORK/saved" committed
podman rmi committed >/dev/null
podman load -q -i "$WORK/saved"
podman stop -t 1 remote
podman wait remote
podman rm -f remote >/dev/null
podman pod create --infra=false --name pod >/dev/null
podman pod ps --format '{{.Name}}'
podman pod rm pod >/dev/null
podman volume create made
podman volume ls -q
podman volume rm made
podman network ls --format '{{.Name}}'
