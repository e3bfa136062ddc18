# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the handlers of one service share."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, cast

from flask import current_app, g

from .clock import Clock, Setting

if TYPE_CHECKING:
    from .console import Console
    from .settings_binding import Settings
    from .state import Document, State

# An image tells the release that it belongs to.
VERSION = os.environ.get("STANDIN_VERSION", "2026.8.0")
_EXTENSION = "standin"


@dataclass
class Server:
    """One service (Api or Identity) of one face on one data folder."""

    self_hosted: bool
    service: str
    settings: Settings
    state: State
    console: Console
    data: Path
    delay_scale: float = 1.0
    cloud_timeout: float = 30.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.clock_setting)

    def clock_setting(self) -> Setting:
        """Return how the clock is set."""
        return Setting(**self.meta("clock"))

    def meta(self, name: str) -> Document:
        """Return a document about the server itself; an empty one if it is not there."""
        return self.state.get("meta", name) or {}

    def organization(self, identifier: str) -> Optional[Document]:
        """Return the organization, or None."""
        return self.state.get("organization", identifier)

    def wait_on_purpose(self, seconds: float = 2.0) -> None:
        """Wait, as the real server slows down guessing; scaled here, and noted with the request."""
        g.deliberate_delay = seconds
        time.sleep(seconds * self.delay_scale)


def server() -> Server:
    """Return the server that handles the present request."""
    return cast(Server, current_app.extensions[_EXTENSION])


def attach(app: Any, instance: Server) -> None:
    """Make ``instance`` the server of ``app``."""
    app.extensions[_EXTENSION] = instance
