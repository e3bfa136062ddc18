# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Placeholders: what stands for a secret or a value made at run time."""

from __future__ import annotations

import base64
import re
from typing import Any, Dict

from .data import Data
from .license_texts import NotUnderstood

PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")
_HASHES = {
    "master_password_hash": "owner",
    "other_master_password_hash": "twofactor",
    "cloud_master_password_hash": "cloud owner",
}
# What need only be of the right kind: a text, a JWT, an object.
_ANY_TEXT = ("encrypted", "made at run time")
_ANY_JWT = ("access_token", "jwt", "license_token")
_ANY_OBJECT = ("account keys",)
_JWT = re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$")


class Values:
    """The values of placeholders; those made at run time are learnt from answers and carry over."""

    def __init__(self, data: Data, learnt: Dict[str, str]) -> None:
        self._data = data
        self.learnt = dict(learnt)

    def fill(self, value: Any) -> Any:
        """Return the value as it is sent: all placeholders in its texts replaced."""
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda match: self._value(match.group(1)), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        return value

    def matches(self, name: str, got: Any, method: str) -> bool:
        """Tell whether ``got`` may stand where the recording shows only ``{{name}}``; learns it if it is new."""
        if name in _ANY_OBJECT:
            return isinstance(got, dict)
        if not isinstance(got, str) or not got:
            return False
        if name in _ANY_TEXT:
            return True
        if name in _ANY_JWT:
            return bool(_JWT.match(got))
        if name in self._data.values:
            return got == self._data.values[name]
        # Each creation makes a connection of its own; everything else is made once.
        if name not in self.learnt or (method == "POST" and name.endswith("connection_id")):
            self.learnt[name] = got
        return got == self.learnt[name]

    def stands_for(self, recorded: str, got: str) -> bool:
        """Tell whether this run's id is the one that has stood for the recorded id so far."""
        return self.learnt.setdefault(f"id {recorded}", got) == got

    def _value(self, name: str) -> str:
        if name in _HASHES:
            return self._data.password_hash(_HASHES[name])
        if name == "basic":
            credentials = f"{self._data.client_id('owner')}:{self._data.values['sh_user_apikey']}"
            return base64.b64encode(credentials.encode()).decode()
        if name in self._data.values:
            return self._data.values[name]
        if name not in self.learnt:
            if name == "encrypted":
                return (
                    "2.AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                )
            raise NotUnderstood(f"no value for {{{{{name}}}}}")
        return self.learnt[name]
