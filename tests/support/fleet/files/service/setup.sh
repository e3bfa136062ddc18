#!/bin/sh
exec /usr/libexec/standin/python3 /opt/setup/setup.py "$@"
