#!/bin/sh
# As in the real image nginx works as the user of uid.env, with what is there when the container starts: sites are
# copied, and keys and certificates given to that user. Later ones need their owner, and sites a restart.
set -e
owner() { [ "${1:-0}" -ne 0 ] && echo "$1" || echo 65534; }
uid=$(owner "$LOCAL_UID")
gid=$(owner "$LOCAL_GID")
mkdir -p /etc/nginx/conf.d /run/nginx
cp /etc/bitwarden/nginx/*.conf /etc/nginx/conf.d/
chown -R "$uid:$gid" /etc/ssl /etc/letsencrypt /run/nginx /var/log/nginx /var/lib/nginx
exec busybox start-stop-daemon -S -c "$uid:$gid" -x /usr/sbin/nginx
