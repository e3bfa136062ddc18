#!/bin/sh
exec /usr/libexec/standin/python3 -m certbot "$@"
