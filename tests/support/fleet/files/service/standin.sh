#!/bin/sh
# api and identity. As in the real image, certificates of the administrator's own authorities are trusted from
# bwdata/ca-certificates; everything else comes from the environment that the container was created with.
set -e
authorities=/etc/bitwarden/ca-certificates
if ls "$authorities"/*.crt > /dev/null 2>&1; then
    cat /etc/ssl/certs/ca-certificates.crt "$authorities"/*.crt > /tmp/ca-certificates.crt
    chmod 0644 /tmp/ca-certificates.crt
    export SSL_CERT_FILE=/tmp/ca-certificates.crt REQUESTS_CA_BUNDLE=/tmp/ca-certificates.crt
fi
export STANDIN_LICENSE_KEY=/opt/license_public_key.pem
if [ "$STANDIN_SERVICE" = identity ]; then
    set -- --certificate /etc/bitwarden/identity/identity.pfx
fi
exec /usr/libexec/standin/python3 -m standin --face self-hosted --service "$STANDIN_SERVICE" --port 5000 \
    --data /etc/bitwarden/core --seed /etc/bitwarden/core/seed.json --database "$@"
