# Containers that are made anew from what an inspect says of them, as Watchtower does it: one of the Docker CLI's and two of
# compose's.
set -eu
cat >"$WORK/compose.yml" <<'Y'
name: made
services:
  one:
    image: busybox
    command: sleep 999
    init: true
    volumes: ["data:/data", "/anonymous"]
    healthcheck: { test: ["CMD", "true"], interval: 1s }
    ports: ["80"]
  two:
    image: busybox
    command: sleep 999
    init: true
    depends_on: { one: { condition: service_healthy } }
    networks: { default: { aliases: [also] }, other: {} }
    mem_limit: 64m
    tmpfs: /scratch
volumes: { data: {} }
networks: { other: {} }
Y
docker network create of-cli >/dev/null
docker run -d --name cli --init -e A=1 -l a=b -v data:/data -v /anonymous --network of-cli --network-alias also -p 80 --memory 64m \
    --cpus 0.5 --restart on-failure:2 --tmpfs /scratch:size=1m --log-opt max-size=1m --ulimit nofile=512:1024 --shm-size 8m \
    --security-opt no-new-privileges --cap-drop NET_RAW --read-only --health-cmd true --health-interval 1s --pids-limit 64 \
    busybox sleep 999 >/dev/null
docker compose -f "$WORK/compose.yml" --progress quiet up -d --wait >/dev/null 2>&1
"$PYTHON" recreate.py cli made-one-1 made-two-1
docker ps --format '{{.Names}}' | sort
docker compose -f "$WORK/compose.yml" --progress quiet down -v -t 1 >/dev/null 2>&1
docker rm -fv cli >/dev/null
docker network rm of-cli
