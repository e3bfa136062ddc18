#!/bin/sh
# The services that nothing but "are you alive" is asked of, and the web vault, of which also its version is.
printf '{"version":"%s"}' "$STANDIN_VERSION" > /srv/version.json
exec busybox httpd -f -p 5000 -h /srv
