#!/bin/sh
# What /opt/mssql-tools/bin/sqlcmd or /opt/mssql-tools18/bin/sqlcmd is, by the version of the image.
export PYTHONPATH=/opt PYTHONDONTWRITEBYTECODE=1
exec /usr/libexec/standin/python3 -S -m standin.mssql.sqlcmd "$@"
