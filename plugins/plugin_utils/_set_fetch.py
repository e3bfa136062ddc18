# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of the host on its way to the controller, in pieces, by the task's connection and with its rights."""

from __future__ import annotations

import binascii
import contextlib
import shlex
from collections.abc import Iterator

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.fetching import FetchError

#: What is in memory at a time, and again as text.
PIECE = 8 << 20
# A connection copies files only as the user that logs in, whom the set does not belong to, and Ansible's own fetch
# holds a file in memory as a whole. So the file is printed, as text, because there may be a terminal.
_COMMAND = "[ -r {path} ] && [ -f {path} ] && dd if={path} bs={size} skip={number} count=1 2>/dev/null | base64"
_MESSAGE = 300


def remote_pieces(action: ActionBase, path: str) -> Iterator[bytes]:
    """Yield a file of the host, piece by piece. Raises ``FetchError``."""
    if constants.DEFAULT_DEBUG:
        raise FetchError("ANSIBLE_DEBUG would print the set, which holds every key of the server. Run without it.")
    number = 0
    while True:
        piece = _piece(action, path, number)
        yield piece
        if len(piece) < PIECE:
            return
        number += 1


def _piece(action: ActionBase, path: str, number: int) -> bytes:
    command = _COMMAND.format(path=shlex.quote(path), size=PIECE, number=number)
    # Where the command gets input, there is no terminal, which would be slow. It does not read it.
    attempts = [b"\n", None] if getattr(action._connection, "has_pipelining", False) else [None]
    with _not_shown(action):
        for data in attempts:
            found = action._low_level_execute_command(command, in_data=data)
            if found["rc"] == 0:
                break
    if found["rc"] != 0:
        said = str(found.get("stderr") or "").strip()[-_MESSAGE:]
        raise FetchError(f"{path} cannot be read on the host{': ' if said else ''}{said}.")
    try:
        return binascii.a2b_base64(found["stdout"].encode("ascii"))
    except ValueError as error:
        raise FetchError(f"{path} did not arrive as it was sent: {error}.") from None


@contextlib.contextmanager
def _not_shown(action: ActionBase) -> Iterator[None]:
    """Keep what a command prints out of the output of -vvv."""
    context = action._connection._play_context
    before, context.no_log = context.no_log, True
    try:
        yield
    finally:
        context.no_log = before
