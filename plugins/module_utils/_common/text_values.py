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
    """Yield which options of an argument specification are not a text and have to be, suboptions included.

    A secret has to be one as it is written. Of other options only mappings and lists cannot be used as a text.
    """
    for name, spec in options.items():
        value = arguments.get(name)
        if isinstance(value, Mapping) and spec.get("options"):
            yield from options_not_text(spec["options"], value)
        elif isinstance(value, Mapping) and spec.get("no_log") and spec.get("type") == "dict":
            yield from filter(None, (not_text(f"{key} in {name}", one) for key, one in value.items()))
        elif isinstance(value, (Mapping, list, tuple)):
            if spec.get("type", "str") == "str":
                yield not_text(name, value)
        elif spec.get("no_log"):
            yield from filter(None, (not_text(name, value),))
