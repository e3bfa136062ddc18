#!/usr/bin/env bash
# The fleet's stand-in for Bitwarden's own script: same commands, same order of steps, same exit statuses.
set -e

DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
COREVERSION="2026.8.0"
WEBVERSION="2026.8.0"
KEYCONNECTORVERSION="2026.8.0"

OUTPUT="$DIR/bwdata"
if [ $# -eq 2 ]; then
    OUTPUT="$2"
fi
RUN="$OUTPUT/scripts/run.sh"

echo "Stand-in for bitwarden.sh, version $COREVERSION"
docker --version
docker compose version
echo

if [ "$EUID" -eq 0 ]; then
    echo "WARNING: this script is not meant to be run by root."
    read -r -p "Go on all the same? (y/n) " answer
    case "$answer" in
        [yY]*) ;;
        *) exit 1 ;;
    esac
fi

run() {
    if [ ! -d "$OUTPUT" ]; then
        echo "No Bitwarden installation in $OUTPUT."
        exit 1
    fi
    "$RUN" "$1" "$OUTPUT" "$COREVERSION" "$WEBVERSION" "$KEYCONNECTORVERSION"
}

case "$1" in
    start | restart) run restart ;;
    stop) run stop ;;
    update) run update ;;
    rebuild) run rebuild ;;
    updateconf) run updateconf ;;
    updatedb) run updatedb ;;
    *)
        echo "Commands: start restart stop update updatedb updateconf rebuild help"
        ;;
esac
