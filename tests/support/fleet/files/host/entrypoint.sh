#!/bin/sh
# First process of a host container (below tini): log daemon, SSH, engine. It stays as long as the host does.
mkdir -p /run/sshd /var/log
# As in `engine`, for those who come over SSH.
echo 1000000 > /proc/self/timerslack_ns 2> /dev/null
# As an administrator's own authority is trusted; once, as update-ca-certificates takes a second.
authority=/usr/local/share/ca-certificates/fleet.crt
bundle=/etc/ssl/certs/ca-certificates.crt
tail -n "$(wc -l < "$authority")" "$bundle" | cmp -s - "$authority" || cat "$authority" >> "$bundle"
# Docker gives no address of its own machine's loopback to containers on the default bridge; these get the other one.
# The host and all other containers ask it for nothing, as the first one knows what names there are.
grep -q "@nameserver@" /etc/resolv.conf || echo "nameserver @nameserver@" >> /etc/resolv.conf
# Where a machine has both kinds of control groups at once, crun must see only the older one.
umount /sys/fs/cgroup/unified 2> /dev/null
busybox syslogd -O /var/log/syslog -s 10000
/usr/sbin/sshd
/usr/local/bin/engine start
while sleep 3600; do :; done
