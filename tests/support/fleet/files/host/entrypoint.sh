#!/bin/sh
# First process of a host container (below tini): log daemon, SSH, engine. It stays as long as the host does.
mkdir -p /run/sshd /var/log
busybox syslogd -O /var/log/syslog -s 10000
/usr/sbin/sshd
/usr/local/bin/engine start
while sleep 3600; do :; done
