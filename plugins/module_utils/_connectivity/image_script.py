# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the shell of an image is told to ask, and with which proxies."""

from __future__ import annotations

import shlex
from typing import Collection, Dict, List, Mapping, Optional, Tuple

from .endpoints import Endpoint

# Each question's line: name, program, its exit status, what it said. Bitwarden's entry script adds the authorities in
# its folder to the image's own; whether it did so where the programs look is the image's business, so they get both.
# Whether there is a proxy was decided beforehand, as .NET would. Busybox's wget knows none for https: it would send a
# plain request to it, and some have no -T and crash of it. GNU's asks 20 times unless it is told not to. A time limit
# for names has neither.
_SCRIPT = """\
own=/etc/ssl/certs/ca-certificates.crt
given=/etc/bitwarden/ca-certificates
both=
if [ -z "$SSL_CERT_FILE" ] && [ -e $own ] && ls $given/*.crt > /dev/null 2>&1 && both=$(mktemp); then
    trap 'rm -f "$both"' EXIT
    cat $own $given/*.crt > "$both"
fi
set -f
limit= options=
timeout 9 true > /dev/null 2>&1 && limit='timeout %(longest)d'
help=$(wget --help 2>&1 < /dev/null)
case $help in *-T*) options='-T %(timeout)d' ;; esac
case $help in *--tries*) options="$options -t 1" ;; esac
ask() {
    unset no_proxy NO_PROXY
    [ "$3" = proxy ] || unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
    if command -v curl > /dev/null 2>&1; then
        said=$(curl -sS -o /dev/null -m %(timeout)d -w ' %%{http_code}' ${both:+--cacert "$both"} "$2" 2>&1 < /dev/null)
        echo "$1 curl $?" $said
    elif ! command -v wget > /dev/null 2>&1; then
        echo "$1 nothing 0"
    elif [ "$3" = proxy ]; then
        echo "$1 unable 0"
    else
        [ -z "$both" ] || export SSL_CERT_FILE="$both"
        said=$($limit wget $options -O /dev/null "$2" 2>&1 < /dev/null)
        echo "$1 wget $?" $said
    fi
}
"""
_PROXY_NAMES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def exec_script(
    changes: Mapping[str, Optional[str]], asked: Mapping[str, Endpoint], proxied: Collection[str], timeout: float
) -> Tuple[List[str], str, Dict[str, str]]:
    """Arguments for ``docker exec``, the script, and the environment of ``docker`` itself.

    Addresses go by standard input, proxies by the environment: no list of processes on the host shows them.
    """
    proxies = {name: value for name, value in changes.items() if name.lower() in _PROXY_NAMES}
    handed = {name: value for name, value in proxies.items() if value is not None}
    seconds = max(1, round(timeout))
    lines = [
        _SCRIPT % {"timeout": seconds, "longest": seconds + 1},
        # What the container was started with would be there otherwise.
        *(f"unset {name}\n" for name, value in proxies.items() if value is None),
    ]
    for name, one in asked.items():
        lines.append(f"ask {name} {shlex.quote(one.question)} {'proxy' if name in proxied else 'direct'} &\n")
    return [part for name in handed for part in ("--env", name)], "".join(lines) + "wait\n", handed
