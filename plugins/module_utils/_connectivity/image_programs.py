# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking from inside a container with the programs of its image, where its network cannot be entered.

What an image has differs: curl (older ones), busybox's wget, or nothing. They tell whether something answers and
roughly why not.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional

from .._deployment.runner import Commands
from . import layers
from .endpoints import Endpoint
from .image_answers import judge_program
from .image_script import exec_script
from .layers import Outcome
from .proxies import proxy_for
from .side_by_side import CHECK_BETWEEN, LATE

# What an engine may take to start a program and to end it, beside the program's own time limit.
_SPARE = 10.0
_LINE = re.compile(r"(\w+) (curl|wget|unable|nothing) (\d+)(?: (.*))?\Z")
_NO_SHELL = (126, 127)


class Image(NamedTuple):
    """The container that is asked from. ``environment`` is its service's on the wanted settings, with secrets.

    ``changes`` is what of it differs from now (``None``: removed). ``more`` is what to do to learn more.
    """

    docker: str
    container: str
    environment: Mapping[str, str]
    changes: Mapping[str, Optional[str]]
    more: str


def ask_within(commands: Commands, image: Image, endpoints: List[Endpoint], timeout: float) -> Dict[str, Outcome]:
    """Ask ``endpoints`` from inside, all at once. Those that no program of the image could ask are left out."""
    outcomes: Dict[str, Outcome] = {}
    asked: Dict[str, Endpoint] = {}
    for endpoint in endpoints:
        if "@" in endpoint.base:
            detail = "not tried: its address holds user and password, which a list of processes would show"
            outcomes[endpoint.name] = _untried(detail, image.more)
        elif not endpoint.unusable:
            asked[endpoint.name] = endpoint
    if not asked:
        return outcomes
    proxied = [name for name, one in asked.items() if proxy_for(one.question, image.environment) is not None]
    arguments, script, handed = exec_script(image.changes, asked, proxied, timeout)
    result = commands.run(
        [image.docker, "exec", "--interactive", *arguments, image.container, "sh", "-s"], timeout + _SPARE,
        stdin=script, environment=handed,
    )  # fmt: skip
    lines = 0
    for line in result.stdout.splitlines():
        found = _LINE.match(line)
        if not found or found.group(1) not in asked:
            continue
        lines += 1
        name, program, status, said = found.groups()
        if program == "unable":
            outcomes[name] = _untried("not tried: wget of the image knows no proxy", image.more)
        elif program != "nothing":
            outcomes[name] = judge_program(asked[name], program, int(status), said or "", image.more)
        del asked[name]
    if result.timed_out:
        late = Outcome(False, layers.HTTP, f"docker exec: {LATE}", CHECK_BETWEEN)
        outcomes.update(dict.fromkeys(asked, late))
    elif not lines and result.rc not in (0, *_NO_SHELL):
        failed = _untried(f"not tried: docker exec says: {result.last_words[:200]}", image.more)
        outcomes.update(dict.fromkeys(asked, failed))
    return outcomes


def _untried(detail: str, advice: str) -> Outcome:
    return Outcome(False, "", detail, advice, untried=True)
