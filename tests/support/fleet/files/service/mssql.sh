#!/bin/sh
# The database: as root it prepares the container, then it is the user that owns the installation.
export PYTHONPATH=/opt PYTHONDONTWRITEBYTECODE=1
exec /usr/libexec/standin/python3 -S -m standin.mssql.entry_point
