# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each API task begins and how it ends: connect, find out who and where, report."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping

from .argspec import read_options
from .auth import Account
from .client import Client
from .errors import NETWORK, SERVER, ApiError

# Shared by billing_sync, license_sync and organization_info.
ASSUME_READY = {"assume_ready": {"type": "bool", "default": False}}

# perform(params, check_mode) -> result
Perform = Callable[[Mapping[str, Any], bool], Dict[str, Any]]


@contextmanager
def connected(params: Mapping[str, Any]) -> Iterator[Account]:
    """An account on a server whose Api answers; it logs in when first needed. Raises ``ApiError``."""
    client = Client(read_options(params))
    try:
        client.probe()
        yield Account(client)
    except ApiError as error:
        raise client.masked(error) from None
    finally:
        client.close()


def server_is_down(error: ApiError) -> bool:
    """Whether the error is that of a server (or its services) not running."""
    return error.transient and error.layer in (NETWORK, SERVER)


def run_module(module: Any, perform: Perform) -> None:
    """Run ``perform`` as an Ansible module (``module`` is an ``AnsibleModule``); does not return."""
    try:
        result = perform(module.params, module.check_mode)
    except ApiError as error:
        module.fail_json(**error.result())
        raise
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)
