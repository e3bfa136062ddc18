# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container of a service that is running; apart, as a run that changes nothing does not need it."""

from __future__ import annotations

from typing import Iterable, Optional

from .containers import Container


def running_container(containers: Iterable[Container], service: str) -> Optional[Container]:
    """Return the container of a service that is running, None where there is none."""
    return next((one for one in containers if one.service == service and one.state == "running"), None)
