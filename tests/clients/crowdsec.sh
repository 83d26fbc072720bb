# CrowdSec: follows the log of a container, as its own metrics say. It has no parsers, and its API and metrics on ports of
# their own.
set -eu
export no_proxy="*"
cp -R "$APPS/debian/etc/crowdsec" "$WORK/conf"
touch "$WORK/credentials.yaml"
cat >"$WORK/acquis.yaml" <<END
{source: docker, docker_host: "$DOCKER_HOST", container_name: [web], labels: {type: syslog}}
END
cat >"$WORK/config.yaml" <<END
common: {daemonize: false, log_media: stdout}
config_paths: {config_dir: $WORK/conf/, data_dir: $WORK/, simulation_path: $WORK/conf/simulation.yaml,
  hub_dir: $WORK/, index_path: $APPS/debian/usr/share/crowdsec/hub/.index.json}
crowdsec_service: {acquisition_path: $WORK/acquis.yaml}
db_config: {type: sqlite, db_path: $WORK/db}
api:
  client: {credentials_path: $WORK/credentials.yaml}
  server: {listen_uri: "127.0.0.1:18080", profiles_path: $WORK/conf/profiles.yaml}
prometheus: {enabled: true, level: full, listen_addr: 127.0.0.1, listen_port: 16060}
END
cscli -c "$WORK/config.yaml" machines add tour --auto -f "$WORK/credentials.yaml" 2>"$WORK/log"
crowdsec -c "$WORK/config.yaml" >>"$WORK/log" 2>&1 &
for _ in $(seq 20); do
    sleep 0.5
    curl -s http://127.0.0.1:16060/metrics | grep -o '^cs_dockersource_hits_total{source="web"}' && break
done
kill $! && wait $! || true
