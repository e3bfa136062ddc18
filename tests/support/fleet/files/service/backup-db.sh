#!/bin/sh
# The nightly backup ("loop", with the seconds to the first one), or one on demand. Whatever happens the status is 0, and
# after a success all backups are removed that are 33 days old, no matter who made them.
if [ -x /opt/mssql-tools18/bin/sqlcmd ]; then sqlcmd="/opt/mssql-tools18/bin/sqlcmd -C"; else sqlcmd=/opt/mssql-tools/bin/sqlcmd; fi

while true; do
    if [ "$1" = loop ]; then
        sleep "${2:-$(PYTHONPATH=/opt /usr/libexec/standin/python3 -S -m standin.mssql.next_backup)}"
        set -- loop
    fi
    now="$(date +%Y%m%d_%H%M%S)"
    export now
    # shellcheck disable=SC2086  a password with blanks is split
    $sqlcmd -S localhost -U sa -P ${SA_PASSWORD} -i /backup-db.sql
    grep -B1 "BACKUP DATABASE successfully" /var/opt/mssql/log/errorlog | grep -q "_$now.BAK" &&
        find /etc/bitwarden/mssql/backups/ -mindepth 1 -type f -name '*.BAK' -mtime +32 -exec rm -f {} +
    [ "$1" = loop ] || break
done
