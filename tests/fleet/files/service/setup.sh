#!/bin/sh
exec python3 /opt/setup/setup.py "$@"
