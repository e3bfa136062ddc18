#!/usr/bin/env bash
# The fleet's stand-in for bwdata/scripts/run.sh: COMMAND FOLDER CORE-VERSION WEB-VERSION KEY-CONNECTOR-VERSION
set -e

OUTPUT_DIR="$(cd "${2:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)"
COREVERSION="${3:-latest}"
WEBVERSION="${4:-latest}"
KEYCONNECTORVERSION="${5:-latest}"
DOCKER_DIR="$OUTPUT_DIR/docker"
REGISTRY="${BWFLEET_REGISTRY:-registry.fleet.test:5000/bitwarden}"
SETUP="$REGISTRY/setup:$COREVERSION"
PRODUCT="label=com.bitwarden.product=bitwarden"
TAR_OF_DATABASE="./bitwarden_database.tar.gz"

if ! docker compose > /dev/null 2>&1; then
    echo "Docker Compose is missing."
    exit 1
fi
export COMPOSE_FILE="$DOCKER_DIR/docker-compose.yml"
if [ -f "$DOCKER_DIR/docker-compose.override.yml" ]; then
    COMPOSE_FILE="$COMPOSE_FILE:$DOCKER_DIR/docker-compose.override.yml"
fi
export COMPOSE_HTTP_TIMEOUT=300

# The user that $USER names, not the one that runs this.
write_uid() {
    if [ ! -f "$OUTPUT_DIR/env/uid.env" ]; then
        mkdir -p "$OUTPUT_DIR/env"
        # shellcheck disable=SC2086  without a name it is the caller's own
        uid="$(id -u $USER)" gid="$(id -g $USER)"
        if [ "$uid" -eq 0 ]; then
            uid=65534 gid=65534
        fi
        printf 'LOCAL_UID=%s\nLOCAL_GID=%s\n' "$uid" "$gid" > "$OUTPUT_DIR/env/uid.env"
    fi
}

# The options of docker run up to a "--", then those of the setup tool.
setup() {
    local -a docker=()
    while [ "$1" != -- ]; do
        docker+=("$1")
        shift
    done
    shift
    docker run "${docker[0]}" --rm --name setup "${docker[@]:1}" -v "$OUTPUT_DIR:/bitwarden" \
        --env-file "$OUTPUT_DIR/env/uid.env" "$SETUP" /app/Setup "$@"
}

versions() {
    setup "${@}" -os lin -corev "$COREVERSION" -webv "$WEBVERSION" -keyconnectorv "$KEYCONNECTORVERSION"
}

down() {
    # A header and at least two containers.
    if [ "$(docker compose ps | wc -l)" -gt 2 ]; then
        docker compose down
    fi
}

renew() {
    if [ -d "$OUTPUT_DIR/letsencrypt/live" ]; then
        docker pull certbot/certbot
        docker run -i --rm --name certbot -p 443:443 -p 80:80 -v "$OUTPUT_DIR/letsencrypt:/etc/letsencrypt/" \
            certbot/certbot renew --logs-dir /etc/letsencrypt/logs "$@"
    fi
}

restart() {
    write_uid
    down
    docker compose pull
    renew "$@"
    mkdir -p "$OUTPUT_DIR/core/attachments" "$OUTPUT_DIR/mssql/data" "$OUTPUT_DIR/mssql/backups"
    docker compose up -d
    docker pull "$SETUP"
    versions -i -- -printenv 1
}

certificate() {
    mkdir -p "$OUTPUT_DIR/letsencrypt"
    docker pull certbot/certbot
    docker run -it --rm --name certbot -p 80:80 -v "$OUTPUT_DIR/letsencrypt:/etc/letsencrypt/" certbot/certbot certonly \
        --standalone --noninteractive --agree-tos --preferred-challenges http -d "$1" --logs-dir /etc/letsencrypt/logs
}

install() {
    write_uid
    encrypt=n
    read -r -p "Domain name of this installation (localhost): " domain
    domain="${domain:-localhost}"
    if [ "$domain" != localhost ]; then
        read -r -p "Get a certificate from Let's Encrypt? (y/n): " encrypt
        if [ "$encrypt" = y ]; then
            certificate "$domain"
        fi
    fi
    read -r -p "Name of the database (vault): " database
    docker pull "$SETUP"
    setup -it -- -install 1 -domain "$domain" -letsencrypt "${encrypt:-n}" -os lin -corev "$COREVERSION" \
        -webv "$WEBVERSION" -dbname "${database:-vault}" -keyconnectorv "$KEYCONNECTORVERSION"
}

image_version() {
    # shellcheck disable=SC2086  without a container there is no argument
    docker inspect --format='{{.Config.Image}}:' $1 | cut -d : -f "$((2 + $(grep -o : <<< "${REGISTRY%%/*}" | wc -l)))"
}

is_current() {
    admin="$(docker compose ps -q admin)"
    web="$(docker compose ps -q web)"
    connector=""
    if grep -q "enable_key_connector: true" "$OUTPUT_DIR/config.yml" 2> /dev/null; then
        connector="$(docker compose ps -q key-connector)"
    fi
    current=no
    # Only a newer key connector does not count as a reason to update.
    if [ "$(image_version "$admin")" = "$COREVERSION" ] && [ "$(image_version "$web")" = "$WEBVERSION" ]; then
        current=yes
    fi
}

update() {
    is_current
    if [ "$current" = yes ]; then
        echo "Update not needed"
        exit 0
    fi
    down
    docker pull "$SETUP"
    versions -i -- -update 1
    restart
    docker image prune --all --force --filter="$PRODUCT"
    if ! grep -q "enable_built_in_ms_sql: false" "$OUTPUT_DIR/config.yml" 2> /dev/null; then
        echo "Waiting for the database ..."
        sleep "${BWFLEET_UPDATE_PAUSE:-2}"
    fi
    update_database
}

update_database() {
    docker pull "$SETUP"
    network=()
    if grep -q "Data Source=tcp:mssql,1433" "$OUTPUT_DIR/env/global.override.env"; then
        network=(--network "container:$(docker compose ps -q mssql)")
    fi
    versions -i "${network[@]}" -- -update 1 -db 1
    echo "The update of the database is complete."
}

uninstall() {
    read -r -p "Keep a copy of the database? (y/n) " keep
    if [ "$keep" = y ]; then
        tar -cvzf "$TAR_OF_DATABASE" "$OUTPUT_DIR/mssql"
    fi
    read -r -p "Delete the installation and all of its data? (y/n) " delete
    if [ "$delete" != y ]; then
        exit 1
    fi
    down
    rm -R "$OUTPUT_DIR"
    docker volume prune --force --filter="$PRODUCT"
    read -r -p "Delete all images of Bitwarden that nothing uses? (y/n) " purge
    if [ "$purge" = y ]; then
        docker image prune --all --force --filter="$PRODUCT"
    fi
}

case "$1" in
    install) install ;;
    start | restart) restart ;;
    stop) down ;;
    pull) docker compose pull ;;
    renewcert) restart --force-renew ;;
    update) update ;;
    updatedb) update_database ;;
    rebuild)
        down
        versions -i -- -update 1
        ;;
    updateconf)
        down
        docker pull "$SETUP"
        versions -i -- -update 1
        ;;
    uninstall) uninstall ;;
esac
