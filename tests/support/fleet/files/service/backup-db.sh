#!/bin/sh
# A backup on demand, named as the real one names it.
target="/etc/bitwarden/mssql/backups/vault_FULL_$(date -u +%Y%m%d_%H%M%S).BAK"
echo "backup of the stand-in's database" > "$target" && echo "$target"
