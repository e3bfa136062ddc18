#!/bin/sh
# First process of the registry's container (below tini): serves unless switched off (registry.sh off|on). The
# container itself stays, so that its name stays known and a pull is refused at once.
off=/opt/registry/off
pid=/opt/registry/pid
case "$1" in
    off)
        touch "$off"
        kill "$(cat "$pid")" 2> /dev/null
        while kill -0 "$(cat "$pid")" 2> /dev/null; do sleep 0.05; done
        ;;
    on) rm -f "$off" ;;
    *)
        rm -f "$off"
        python3 /opt/registry/no_names.py &
        while :; do
            if [ ! -e "$off" ]; then
                docker-registry serve /opt/registry/config.yml &
                echo $! > "$pid"
                wait $!
            fi
            sleep 0.1
        done
        ;;
esac
