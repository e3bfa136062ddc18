#!/usr/bin/env bash
# Stands for docker, curl, sleep and tar: logs its call to $FAKE/calls, and answers as the files in $FAKE say.
# A line of the log: exit status, then the arguments, separated by tabs. $FAKE/fail holds "NAME STATUS" a line.

name="${0##*/}"
running="$(cat "$FAKE/running")"

# What a call is named in $FAKE/fail; "NAME#2" is its second call.
label() {
    case "$name $*" in
        "docker compose ps -q "*) echo "ps -q $4" ;;
        "docker compose ps") echo ps ;;
        "docker compose pull") echo "compose pull" ;;
        "docker compose "*) echo "$2" ;;
        "docker pull "*setup*) echo "pull setup" ;;
        "docker pull "*certbot*) echo "pull certbot" ;;
        "docker image prune "*) echo "image prune" ;;
        "docker run "*" certbot "*) echo "run certbot" ;;
        "docker run "*" -install "*) echo "run setup -install" ;;
        "docker run "*" -db "*) echo "run setup -db" ;;
        "docker run "*" -update "*) echo "run setup -update" ;;
        *) echo "$name $1" ;;
    esac
}

status_for() {
    local called="$1" count
    echo "$called" >> "$FAKE/labels"
    count="$(grep -cxF "$called" "$FAKE/labels")"
    while read -r line; do
        case "${line% *}" in
            "$called" | "$called#$count") echo "${line##* }" && return ;;
        esac
    done < "$FAKE/fail"
    echo 0
}

write_compose() {
    mkdir -p "$1/docker"
    printf 'services:\n  api:\n    image: ghcr.io/bitwarden/api:%s\n' "$2" > "$1/docker/docker-compose.yml"
    [ -e "$1/config.yml" ] || echo "url: https://localhost" > "$1/config.yml"
}

curl() {
    local target
    while [ $# -gt 0 ]; do
        case "$1" in
            -o) target="$2" && shift ;;
            -w) format="$2" && shift ;;
        esac
        last="$1"
        shift
    done
    read -r body http rc < "$FAKE/download"
    case "$body $last" in
        good*variant=run) cat "$FAKE/run.sh" > "$target" ;;
        good*) cat "$FAKE/bitwarden.sh" > "$target" ;;
        HTML*) printf '<!DOCTYPE html>\n<html><body>(No such page)</body></html>\n' > "$target" ;;
        empty*) : > "$target" ;;
    esac
    printf '%s' "${format/'%{http_code}'/$http}"
    status="$rc"
}

docker() {
    case "$1 $2 $3" in
        "compose  ") [ ! -e "$FAKE/no-compose" ] || status=1 ;;
        "compose ps ")
            echo NAME
            [ "$running" -eq 0 ] || seq -f "container %g" "$running"
            ;;
        "compose ps -q") [ "$running" -eq 0 ] || [ "$status" -ne 0 ] || echo "ID-of-$4" ;;
        "compose up -d") [ "$status" -ne 0 ] || echo 11 > "$FAKE/running" ;;
        "compose down ") [ "$status" -ne 0 ] || echo 0 > "$FAKE/running" ;;
        inspect*)
            case "$3" in
                ID-of-admin) read -r tag _ < "$FAKE/tags" && echo "ghcr.io/bitwarden/admin:$tag:" ;;
                ID-of-web) read -r _ tag _ < "$FAKE/tags" && echo "ghcr.io/bitwarden/web:$tag:" ;;
                *) status=1 ;;
            esac
            ;;
        "run -it "*) [ -n "$FAKE_TTY" ] || status=1 ;;
        "run -i "*) cat >> "$FAKE/eaten" ;;
    esac
    if [ "$1" = run ] && [ "$status" -eq 0 ]; then
        local all=" $* "
        case "$all" in
            *" -db "*) ;;
            *" -update "* | *" -install "*)
                version="${all#* -corev }"
                folder="${all#* -v }"
                write_compose "${folder%%:/bitwarden *}" "${version%% *}"
                ;;
        esac
    fi
}

status="$(status_for "$(label "$@")")"
case "$name" in
    docker) docker "$@" ;;
    curl) curl "$@" ;;
    tar) : > "$2" ;;
esac
{
    printf '%s\t%s' "$status" "$name"
    printf '\t%s' "$@"
    echo
} >> "$FAKE/calls"
exit "$status"
