#!/bin/sh
# First process of a cloud container (below tini): the stand-in server's cloud face behind TLS.
set -e
mkdir -p /run /var/log/nginx /data
nginx -c /opt/cloud/nginx.conf
exec python3 -m standin --face cloud --service both --host 127.0.0.1 --port 5000 --data /data --seed /opt/cloud/seed.json
