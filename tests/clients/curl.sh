# curl: plain requests, keep-alive, HEAD, HTTP/1.0, an empty Expect, names beyond ASCII, uploads of both framings, a large one
# with Expect: 100-continue.
set -eu
case $DOCKER_HOST in
unix://*) at="--unix-socket ${DOCKER_HOST#unix://}" url=http://docker ;;
*) at="" url=http://${DOCKER_HOST#tcp://} ;;
esac
ask() { curl -sS --max-time 60 $at "$@"; }
ask -w ' %{http_code}\n' "$url/_ping"
ask -I "$url/_ping" | head -n 1
ask -o /dev/null -o /dev/null -w '%{http_code} %{num_connects}\n' "$url/version" "$url/containers/json"
ask --http1.0 -o /dev/null -w '%{http_code}\n' "$url/version"
ask -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' -H 'Expect;' \
    -d '{"Image":"busybox","Cmd":["sh","-c","echo curl; sleep 999"],"Labels":{"a":"b"}}' "$url/containers/create?name=curl"
ask -o /dev/null -w '%{http_code}\n' -X POST "$url/containers/curl/start"
ask -w ' %{http_code}\n' "$url/containers/m%C3%BCll/json"
head -c 3000000 /dev/zero >"$WORK/large"
tar -cf "$WORK/tar" -C "$WORK" large
ask -w '%{http_code}\n' -T "$WORK/tar" -H 'Expect: 100-continue' "$url/containers/curl/archive?path=/tmp"
ask -w '%{http_code}\n' -X PUT -H 'Transfer-Encoding: chunked' --data-binary "@$WORK/tar" "$url/containers/curl/archive?path=/"
ask "$url/containers/curl/archive?path=/tmp/large" | tar -xO | wc -c
ask "$url/containers/curl/logs?stdout=1" | tail -c 5
id=$(ask -H 'Content-Type: application/json' -d '{"AttachStdout":true,"Cmd":["echo","exec"]}' "$url/containers/curl/exec" |
    sed 's/.*"Id":"\([0-9a-f]*\)".*/\1/')
ask -H 'Content-Type: application/json' -d '{"Detach":false}' "$url/exec/$id/start" | tail -c 5
ask -o /dev/null -w '%{http_code}\n' -X DELETE "$url/containers/curl?force=1"
ask -w ' %{http_code}\n' "$url/containers/curl/json"
