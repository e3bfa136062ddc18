#!/bin/sh
# The services that nothing but "are you alive" is asked of.
exec busybox httpd -f -p 5000 -h /srv
