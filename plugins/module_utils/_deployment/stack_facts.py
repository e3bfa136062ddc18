# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What module server returns of the server, whether or not it changed anything."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from .._common.setting_names import CLOUD_COMMUNICATION, INSTALLATION_ID
from .._settings.types import guid_text, is_true
from .drift import Stack

#: The rest of the result of a run that did nothing.
NOTHING_DONE: Mapping[str, Any] = {
    "changed": False,
    "restarted": False,
    "changes": [],
    "backup_file": None,
    "stale_services": {},
    "rolled_back": False,
    "rc": None,
    "stdout": "",
    "stderr": "",
}


def stack_facts(
    stack: Stack, setting: Callable[[str], Optional[str]], answered: Tuple[str, ...] = ()
) -> Dict[str, Any]:
    """Return services, version and settings; ``setting`` returns the value of a setting.

    ``answered`` are the services whose health check passed just now.
    """
    return {
        "services": [report._asdict() for report in stack.report(answered)],
        "version": stack.version(),
        "cloud_communication": is_true(setting(CLOUD_COMMUNICATION)),
        "installation_id": guid_text(setting(INSTALLATION_ID)),
    }
