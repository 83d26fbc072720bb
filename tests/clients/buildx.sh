# buildx with BuildKit: a context, a secret and an output all pass through the hijacked session.
set -eu
head -c 3000000 /dev/zero >"$WORK/large"
echo of the secret >"$WORK/secret"
printf 'FROM busybox\nCOPY large /large\nRUN --mount=type=secret,id=s wc -c </large >/made && cat /run/secrets/s >>/made\nFROM scratch\nCOPY --from=0 /made /made\n' >"$WORK/Dockerfile"
docker buildx build --progress quiet --network none --secret "id=s,src=$WORK/secret" --output "type=local,dest=$WORK/out" "$WORK" \
    >/dev/null
cat "$WORK/out/made"
printf 'FROM busybox AS made\nRUN echo one >/one\nFROM scratch\nCOPY --from=made /one /one\n' >"$WORK/Dockerfile"
docker buildx build --progress quiet --network none -t built "$WORK" >/dev/null
echo tagged
docker buildx build --progress plain --network none "$WORK" 2>&1 | grep -c CACHED
printf 'FROM busybox\nRUN exit 7\n' >"$WORK/Dockerfile"
docker buildx build --progress quiet --network none "$WORK" >/dev/null 2>&1 || echo "status $?"
