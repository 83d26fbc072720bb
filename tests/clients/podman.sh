# podman's remote client, which speaks the libpod API. PODMAN is the command; what 4 does not have comes last. REGISTRY is
# the address of a registry.
set -eu
podman() { $PODMAN --remote --url "$(echo "$DOCKER_HOST" | sed 's|^unix:/*|unix:///|')" "$@"; }
version=$(podman version --format '{{.Server.Version}}')
echo "$version"
podman info --format '{{.Host.Arch}}'
podman images --format '{{.Repository}}' | sort
podman run --rm $OPTIONS busybox echo run
echo piped | podman run -i --rm $OPTIONS busybox cat
podman run -d --name remote $OPTIONS busybox sh -c 'echo started; exec sleep 999' >/dev/null
podman exec remote echo exec
echo piped | podman exec -i remote cat
podman ps --format '{{.Names}}'
podman inspect --format '{{.State.Running}}' remote
# Asks for every kind of object; where one is not granted, that is what it says.
podman inspect NOSUCH 2>&1 || echo "status $?"
podman logs remote
echo "of the host" >"$WORK/in"
podman cp "$WORK/in" remote:/copied
podman cp remote:/copied "$WORK/out" && cat "$WORK/out"
podman pause remote >/dev/null && podman unpause remote >/dev/null
podman commit -q remote committed >/dev/null
podman run --rm $OPTIONS committed cat /copied
podman save -q -o "$WORK/saved" committed
podman rmi committed >/dev/null
podman load -q -i "$WORK/saved"
podman rmi committed >/dev/null
podman stop -t 1 remote
podman wait remote
podman rm -f remote >/dev/null
mkdir "$WORK/context"
printf 'FROM busybox\nCOPY file /\nRUN cat /file\n' >"$WORK/context/Dockerfile"
echo "of the context" >"$WORK/context/file"
podman build -q --network=host --ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024 -t built "$WORK/context" >/dev/null
podman run --rm $OPTIONS built cat /file
podman tag built "$REGISTRY/built"
podman push -q --tls-verify=false "$REGISTRY/built"
podman rmi built "$REGISTRY/built" >/dev/null
podman pull -q --tls-verify=false "$REGISTRY/built" >/dev/null
podman run --rm $OPTIONS "$REGISTRY/built" cat /file
podman search --tls-verify=false "$REGISTRY/built" | grep -o /built
podman rmi "$REGISTRY/built" >/dev/null
podman pod create --infra=false --name pod >/dev/null
podman pod ps --format '{{.Name}}'
podman pod rm pod >/dev/null
cat >"$WORK/pod.yaml" <<END
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: inside, image: localhost/busybox, command: [/bin/sh, -c, echo played; exec sleep 999]}]
END
podman kube play "$WORK/pod.yaml" >/dev/null
podman ps --format '{{.Names}}' | grep inside
podman kube generate kube | grep -e kind: -e image:
podman kube down "$WORK/pod.yaml" | grep :
podman manifest create list >/dev/null
podman manifest add list containers-storage:localhost/busybox >/dev/null
podman manifest inspect list | grep -c digest
podman manifest push -q --tls-verify=false list "docker://$REGISTRY/list"
podman search --tls-verify=false "$REGISTRY/list" | grep -o /list
# podman's API pushes to registries alone: that it was asked shows in its answer.
podman manifest push list "dir:$WORK/pushed" 2>&1 | grep -o 'unsupported transport dir'
podman manifest rm list >/dev/null
podman volume create made
podman volume ls -q
podman volume rm made
podman network ls --format '{{.Name}}'
case $version in 4.*) exit ;; esac
podman artifact add localhost/artifact "$WORK/in" >/dev/null
podman artifact ls --format '{{.Repository}}'
podman artifact inspect localhost/artifact | grep -o 'image.title": .*'
podman artifact extract localhost/artifact "$WORK/extracted" && cat "$WORK/extracted"
podman artifact rm localhost/artifact >/dev/null
podman artifact add "$REGISTRY/artifact" "$WORK/in" >/dev/null
podman artifact push -q --tls-verify=false "$REGISTRY/artifact"
podman artifact rm "$REGISTRY/artifact" >/dev/null
podman artifact pull -q --tls-verify=false "$REGISTRY/artifact" >/dev/null
podman artifact ls --format '{{.Repository}}' | grep -o /artifact
podman artifact rm "$REGISTRY/artifact" >/dev/null
# Podman 6.1 has it.
if podman volume --help | grep -q rename; then
    podman volume create old && podman volume rename old new && podman volume rm new
fi
