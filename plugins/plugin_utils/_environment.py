# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment of a task, for what it does on the controller; Ansible itself sets it on the host."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.plugins.action import ActionBase


def task_environment(action: ActionBase) -> dict[str, str]:
    """Return the variables that the keyword ``environment`` sets, of play, block and task; null sets none."""
    found: dict[str, Any] = {}
    action._compute_environment_string(found)
    return {str(name): str(value) for name, value in found.items() if value is not None}


@contextlib.contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[dict[str, str | None]]:
    """Set ``variables`` in the environment of this process (``None`` removes one) for as long as the context lasts.

    Of a proxy's variable, which has two spellings, the other one gives way. Yields what the variables were before, and
    are again afterwards: the next item of a loop runs in the same process.
    """
    twins = {name.swapcase() for name in variables if name.lower().endswith("_proxy")} - set(variables)
    before = {name: os.environ.get(name) for name in {*variables, *twins}}
    _set({**dict.fromkeys(twins), **variables})
    try:
        yield before
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
