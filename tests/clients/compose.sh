# docker compose: two services on a network of their own, one built, with a volume.
set -eu
cat >"$WORK/compose.yml" <<'Y'
name: tour
services:
  one:
    build: { context: ., network: none }
    command: sh -c 'echo started; exec sleep 999'
    init: true
    volumes: ["data:/data", "/anonymous"]
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  two:
    image: busybox
    command: sh -c 'ping -c 1 one >/dev/null && echo reached; exec sleep 999'
    init: true
    depends_on: { one: { condition: service_healthy } }
volumes: { data: {} }
Y
printf 'FROM busybox\nRUN echo built >/made\n' >"$WORK/Dockerfile"
cd "$WORK"
docker compose --progress quiet build >/dev/null 2>&1
docker compose --progress quiet up -d --wait >/dev/null 2>&1
docker compose ps --format '{{.Service}} {{.State}}' | sort
docker compose exec -T one cat /made
echo piped | docker compose exec -T two cat
docker compose logs --no-color --no-log-prefix one
docker compose run --rm -T two echo run 2>/dev/null
docker compose cp one:/made - | tar -xO
docker compose top one | grep -c sleep
docker compose restart -t 1 one >/dev/null 2>&1
docker compose stop -t 1 >/dev/null 2>&1
docker compose ps -a --format '{{.Service}} {{.State}}' | sort
docker compose down -v -t 1 >/dev/null 2>&1
docker compose ls -a -q
