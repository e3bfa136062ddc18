# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each API task begins and ends: connect, wait, report."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Mapping, Optional, TypeVar

from .._common.durations import format_duration
from .._common.waiting import pause
from .._host_module import run_host_module
from .argspec import read_options
from .auth import Account
from .client import Client
from .errors import NETWORK, SERVER, ApiError
from .kind import require_self_hosted
from .known_servers import KnownServers

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# Shared by billing_sync, license_sync and organization_info.
ASSUME_READY = {"assume_ready": {"type": "bool", "default": False}}

# perform(params, check_mode) -> result
Perform = Callable[[Mapping[str, Any], bool], Dict[str, Any]]

Result = TypeVar("Result")

_PAUSE = 2.0  # seconds between two attempts at a server that is starting
PATIENCE = 20.0  # seconds for a server to answer again after a write whose response was lost


@contextmanager
def connected(params: Mapping[str, Any], probe: bool = True, known: Optional[KnownServers] = None) -> Iterator[Account]:
    """Yield an account on a server; it logs in when first needed. Raises ``ApiError``.

    ``probe``: ask first whether a Bitwarden API answers. Before the key is shown to it, it must not be the cloud; a
    server that is ``known`` is not asked that again.
    """
    client = Client(read_options(params))

    def check() -> None:
        if known is None or not known.has(client.options):
            require_self_hosted(client)
            if known is not None:
                known.add(client.options)

    try:
        if probe:
            client.probe()
        yield Account(client, check)
    except ApiError as error:
        raise client.masked(error) from None
    finally:
        client.close()


def wait_for_answer(
    read: Callable[[], Result],
    timeout: float,
    shown: Optional[str] = None,
    before_retry: Callable[[], object] = lambda: None,
) -> Result:
    """Return what ``read`` returns, repeated for ``timeout`` seconds while the server does not answer.

    ``before_retry`` comes before each repetition and may fail as ``read`` does; ``shown`` is the timeout as the task
    gives it, if it does. Raises ``ApiError``.
    """
    deadline = time.monotonic() + timeout
    attempts = 0
    while True:
        try:
            attempts += 1
            if attempts > 1:
                before_retry()
            return read()
        except ApiError as error:
            if not server_is_down(error):
                raise
            rest = deadline - time.monotonic()
            if rest <= 0:
                if timeout:
                    limit = shown or format_duration(timeout)
                    error.message = f"The server did not answer within {limit}. {error.message}"
                raise
            reason = f"Waiting for the server to answer: {error.message}"
        pause(min(_PAUSE, rest), reason)


def read_after_loss(read: Callable[[], Result], lost: ApiError, unsure: str) -> Result:
    """Return what ``read`` returns after a write whose response was lost, waiting for a server that is down.

    Raises ``lost``, with what is ``unsure`` then, where it cannot be read.
    """
    try:
        return wait_for_answer(read, PATIENCE)
    except ApiError as error:
        lost.message = f"{lost.message} {unsure} {error.message}"
        raise lost from None


def server_is_down(error: ApiError) -> bool:
    """Tell whether the error is that of a server (or its services) not running."""
    return error.transient and error.layer in (NETWORK, SERVER)


def run_module(module: AnsibleModule, perform: Perform) -> None:
    """Run ``perform`` as an Ansible module and end it; a diff is returned only where the task asks for one."""

    def run(module: AnsibleModule) -> Dict[str, Any]:
        try:
            result = perform(module.params, module.check_mode)
        except ApiError as error:
            if not module._diff:
                error.details.pop("diff", None)
            raise
        if not module._diff:
            result.pop("diff", None)
        return result

    run_host_module(module, run)
