#!/bin/sh
exec nginx -c /usr/local/bin/nginx.conf
