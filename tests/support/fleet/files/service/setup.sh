#!/bin/sh
exec /usr/libexec/standin/python3 -m setup.entry_point "$@"
