#!/bin/sh
# The password is split where it has blanks, as by the real one.
if [ -x /opt/mssql-tools18/bin/sqlcmd ]; then sqlcmd="/opt/mssql-tools18/bin/sqlcmd -C"; else sqlcmd=/opt/mssql-tools/bin/sqlcmd; fi
# shellcheck disable=SC2086
exec $sqlcmd -S localhost -U sa -P ${SA_PASSWORD} -b -Q "SELECT 1" > /dev/null
