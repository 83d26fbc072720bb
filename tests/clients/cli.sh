# The Docker CLI: every command that goes over the wire in a way of its own.
set -eu
since=$(date +%s)
docker version --format '{{.Server.Version}}'
docker info --format '{{.ServerVersion}} {{.OSType}}' 
docker run --rm busybox echo run
echo piped | docker run -i --rm busybox cat
docker run --rm busybox sh -c 'exit 7' || echo "status $?"
docker run -d --name cli --init busybox sh -c 'echo started; trap "exit 5" TERM; while :; do sleep 0.1; done' >/dev/null
docker exec cli sh -c 'echo out; echo err >&2' 2>&1 | sort
echo piped | docker exec -i cli cat
docker exec -t cli tty | tr -d '\r'
docker exec -d cli touch /detached
docker top cli | grep -c started
docker ps --format '{{.Names}} {{.Image}}'
docker inspect --format '{{.State.Running}}' cli
docker logs cli
docker rename cli renamed
docker pause renamed && docker unpause renamed
docker update --memory 32m --memory-swap 32m renamed
docker port renamed
docker stats --no-stream --format '{{.Name}}' renamed
docker diff renamed | sort
echo "of the host" >"$WORK/in"
docker cp "$WORK/in" renamed:/copied
docker cp renamed:/copied - | tar -xO
docker stop -t 20 renamed
docker wait renamed
docker start renamed
docker restart -t 20 renamed
docker kill -s KILL renamed
docker commit renamed committed >/dev/null
docker run --rm committed cat /copied
docker export renamed | tar -t | grep -x copied
docker rm renamed
docker create -i --name created busybox cat >/dev/null
echo attached | docker start -ai created
docker rm created
printf 'FROM busybox\nCOPY in /in\nRUN cat /in >/made\n' >"$WORK/Dockerfile"
DOCKER_BUILDKIT=0 docker build -q --network none -t built "$WORK" >/dev/null
docker run --rm built cat /made
docker history --format '{{.CreatedBy}}' built | head -n 1
docker tag built tagged
docker save tagged -o "$WORK/saved"
docker rmi tagged built >/dev/null
docker load -i "$WORK/saved"
docker images --format '{{.Repository}}' | sort
docker network create made >/dev/null
docker run --rm --network made busybox cat /proc/net/dev | grep -c eth0
docker network rm made
docker volume create "made-$$" >/dev/null
docker run --rm -v "made-$$:/v" busybox touch /v/file
docker volume ls -q | wc -l
docker volume rm "made-$$" >/dev/null
docker events --since "$since" --until "$(date +%s.%N)" --filter "volume=made-$$" --filter event=create \
    --format '{{.Action}}' | sort -u
docker system df --format '{{.Type}}'
docker container prune -f
