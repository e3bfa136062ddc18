#!/bin/sh
# In place of a database server: a process that is ready after a moment. The stand-in server keeps its data elsewhere.
mkdir -p /etc/bitwarden/mssql/backups
touch /tmp/ready
exec sleep infinity
