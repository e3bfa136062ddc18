#!/usr/bin/env bash
# The fleet's stand-in for bwdata/scripts/run.sh: COMMAND FOLDER CORE-VERSION WEB-VERSION KEY-CONNECTOR-VERSION
set -e

OUTPUT_DIR="$(cd "${2:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)"
COREVERSION="${3:?}"
WEBVERSION="${4:?}"
DOCKER_DIR="$OUTPUT_DIR/docker"
SETUP="registry.fleet.test:5000/bitwarden/setup:$COREVERSION"

export COMPOSE_FILE="$DOCKER_DIR/docker-compose.yml"
if [ -f "$DOCKER_DIR/docker-compose.override.yml" ]; then
    COMPOSE_FILE="$COMPOSE_FILE:$DOCKER_DIR/docker-compose.override.yml"
fi
export COMPOSE_HTTP_TIMEOUT=300

setup() {
    docker run -i --rm --name setup -v "$OUTPUT_DIR:/bitwarden" --env-file "$OUTPUT_DIR/env/uid.env" \
        "$SETUP" "$@" -os lin -corev "$COREVERSION" -webv "$WEBVERSION"
}

down() {
    # A header and at least two containers.
    if [ "$(docker compose ps | wc -l)" -gt 2 ]; then
        docker compose down
    fi
}

restart() {
    down
    docker compose pull
    if [ -d "$OUTPUT_DIR/letsencrypt/live" ]; then
        echo "Certificates are not renewed here."
    fi
    docker compose up -d
    setup -printenv 1
}

update() {
    if grep -q "/api:$COREVERSION\$" "$DOCKER_DIR/docker-compose.yml"; then
        echo "Update not needed"
        exit
    fi
    down
    setup -update 1
    restart
    docker image prune --all --force --filter "label=com.bitwarden.project"
    sleep "${BWFLEET_UPDATE_PAUSE:-2}"
    setup -db 1
}

case "$1" in
    restart) restart ;;
    stop) down ;;
    update) update ;;
    updatedb) setup -db 1 ;;
    rebuild | updateconf)
        down
        setup -update 1
        ;;
esac
