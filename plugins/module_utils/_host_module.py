# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of the host modules: the only place where their results and expected errors become what Ansible gets."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Mapping, Optional

from ._common.errors import EXPECTED, Terminated, result_of
from ._common.masking import maskable

if TYPE_CHECKING:
    from types import FrameType

    from ansible.module_utils.basic import AnsibleModule

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def run_host_module(
    module: AnsibleModule,
    main: Callable[[AnsibleModule], Dict[str, Any]],
    failure: Optional[Mapping[str, Any]] = None,
) -> None:
    """Run ``main`` and end the module with what it returns, or with the keys of an expected error.

    ``failure`` holds the keys that a failed result has as well where the error itself does not set them. Entries of
    ``warnings`` become Ansible's warnings. A signal to end is such an error, too, so that all clean-up is done.
    """
    # Ansible masks by text: a short secret, such as "e", would garble the result wherever it happens to occur in it.
    module.no_log_values = maskable(module.no_log_values)
    try:
        with _terminable():
            result = main(module)
    except (*EXPECTED, Terminated) as error:
        module.fail_json(**_with_warnings(module, {"changed": False, **(failure or {}), **result_of(error)}))
    else:
        # A key such as rc would count as failure, but what ends here has none.
        module.exit_json(**_with_warnings(module, {"changed": False, "failed": False, **result}))


@contextmanager
def _terminable() -> Iterator[None]:
    """Have the signals that end a process raise ``Terminated`` meanwhile; what the caller ignores stays ignored."""
    process = os.getpid()

    def terminate(number: int, frame: Optional[FrameType]) -> None:
        if os.getpid() != process:  # a child that has not become another program yet
            os._exit(128 + number)
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        raise Terminated(signal.Signals(number).name)

    # No other thread may handle signals.
    handled = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {one: signal.getsignal(one) for one in handled if signal.getsignal(one) not in (signal.SIG_IGN, None)}
    for one in before:
        signal.signal(one, terminate)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _with_warnings(module: AnsibleModule, result: Dict[str, Any]) -> Dict[str, Any]:
    for warning in result.pop("warnings", []):
        module.warn(warning)
    return result
