# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What YAML makes of a value without quotes: a number, a boolean or a date, which no longer says how it was written."""

from __future__ import annotations

import datetime
from typing import Any, Iterator, Mapping

_KINDS = (
    (bool, "a boolean to YAML, which does not keep how it was written (yes becomes true)"),
    (int, "a number to YAML, which does not keep how it was written (0123 becomes 83)"),
    (float, "a number to YAML, which does not keep how it was written (1e3 becomes 1000.0)"),
    (datetime.date, "a date to YAML, which does not keep how it was written"),
    (Mapping, "a mapping, not a text"),
    ((list, tuple), "a list, not a text"),
)


def not_text(name: str, value: object) -> str:
    """Return what is wrong with a secret that is not a text, without its value; empty for a text and for null."""
    for kinds, words in _KINDS:
        if isinstance(value, kinds):
            return f"{name} is {words}. Quote it."
    return ""


def options_not_text(options: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the secret options of an argument specification, suboptions included."""
    for name, spec in options.items():
        value = arguments.get(name)
        if spec.get("options") and isinstance(value, Mapping):
            yield from options_not_text(spec["options"], value)
        elif not spec.get("no_log"):
            continue
        elif spec.get("type") == "dict" and isinstance(value, Mapping):
            yield from filter(None, (not_text(f"{key} in {name}", one) for key, one in value.items()))
        elif spec.get("type") in (None, "str") or not isinstance(value, (Mapping, list)):
            problem = not_text(name, value)
            if problem:
                yield problem
