#!/usr/bin/env bash
# The fleet's stand-in for Bitwarden's own script: same commands, same order of steps, same exit statuses.
set -e

SELF="${BASH_SOURCE[0]}"
DIR="$(cd "$(dirname "$SELF")" && pwd)"
SELF="$DIR/$(basename "$SELF")"
COREVERSION="2026.8.0"
WEBVERSION="2026.8.0"
KEYCONNECTORVERSION="2025.11.0"
DOWNLOADS="https://func.bitwarden.com/api/dl/?app=self-host&platform=linux"

OUTPUT="$DIR/bwdata"
if [ $# -eq 2 ]; then
    OUTPUT="$2"
fi
RUN="$OUTPUT/scripts/run.sh"

echo "Stand-in for bitwarden.sh, version $COREVERSION"
if [ "$EUID" -eq 0 ]; then
    echo "WARNING: this script is not meant to be run by root."
    read -r -p "Go on all the same? (y/n) " answer
    case "$answer" in
        y | Y | yes | Yes) ;;
        *) exit 1 ;;
    esac
fi
if ! docker compose > /dev/null 2>&1; then
    echo "Docker Compose is missing."
    exit 1
fi
docker --version
docker compose version
echo

run() {
    if [ ! -d "$OUTPUT" ]; then
        echo "No Bitwarden installation in $OUTPUT."
        exit 1
    fi
    call "$1"
}

call() {
    "$RUN" "$1" "$OUTPUT" "$COREVERSION" "$WEBVERSION" "$KEYCONNECTORVERSION"
}

# Takes whatever comes with a status of 20x, a page or nothing at all, too.
download_run() {
    mkdir -p "$OUTPUT/scripts"
    downloaded="$(mktemp)"
    status="$(curl -s -S -L -w '%{http_code}' -o "$downloaded" "$DOWNLOADS&variant=run")"
    case "$status" in
        20*) ;;
        *)
            rm -f "$downloaded"
            echo "run.sh could not be downloaded: status $status."
            exit 1
            ;;
    esac
    mv "$downloaded" "$RUN"
    chmod u+x "$RUN"
}

# Only the status counts: what was cut off replaces the script as well.
download_self() {
    if curl -L -s -S -w 'http_code %{http_code}' -o "$SELF.1" "$DOWNLOADS" | grep -q 'http_code 20'; then
        mv -f "$SELF.1" "$SELF"
        chmod u+x "$SELF"
        exit 0
    fi
    rm -f "$SELF.1"
    echo "bitwarden.sh could not be downloaded."
    exit 1
}

install() {
    if [ -d "$OUTPUT/docker" ]; then
        echo "$OUTPUT has an installation already."
        exit 1
    fi
    mkdir -p "$OUTPUT"
    download_run
    call install
}

compress_logs() {
    list="$(mktemp)"
    for day in "$1" "$2"; do
        if ! [[ "$day" =~ ^[0-9]{8}$ ]]; then
            echo "A date has the form YYYYMMDD."
            exit 1
        fi
    done
    if [ "$1" -gt "$2" ]; then
        echo "The first date is after the second."
        exit 1
    fi
    find "$OUTPUT/logs" -type f -newermt "$1" ! -newermt "$2 + 1 day" > "$list" 2> /dev/null || true
    tar -czvf "$PWD/bitwarden-logs-$1-to-$2.tar.gz" -T "$list"
    rm -f "$list"
}

case "$1" in
    install) install ;;
    start | restart) run restart ;;
    stop | rebuild | updateconf | updatedb | renewcert | uninstall) run "$1" ;;
    update | updaterun)
        if [ ! -d "$OUTPUT" ]; then
            echo "No Bitwarden installation in $OUTPUT."
            exit 1
        fi
        download_run
        if [ "$1" = update ]; then
            run update
        fi
        ;;
    updateself) download_self ;;
    compresslogs)
        if [ ! -d "$OUTPUT" ]; then
            echo "No Bitwarden installation in $OUTPUT."
            exit 1
        fi
        compress_logs "$2" "$3"
        ;;
    *)
        echo "Commands: install start restart stop update updatedb updaterun updateself updateconf uninstall rebuild"
        echo "renewcert compresslogs help"
        ;;
esac
exit 0
