# The runner of GitHub: the commands of the Docker CLI with which it runs a job's container. Nothing answers where it pulls from.
set -eu
docker version --format '{{.Server.APIVersion}}'
docker ps --all --quiet --no-trunc --filter label=runner
docker network prune --force --filter label=runner
docker network create --label runner job >/dev/null
docker pull 127.0.0.1:1/none 2>&1 | grep -o 'connection refused' || true
id=$(docker create --name job --label runner --workdir /tmp -e CI=true $OPTIONS --entrypoint tail busybox -f /dev/null)
docker start job
docker ps --all --filter "id=$id" --filter status=running --no-trunc --format '{{.Status}}' | cut -c -2
docker inspect --format '{{.State.Running}}' job
docker port job
docker exec -i --workdir /tmp job sh -c 'echo step; pwd'
docker logs --details job
docker rm --force job
docker network rm job
