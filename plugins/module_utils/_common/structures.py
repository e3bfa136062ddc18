# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of any depth: mappings and lists of mappings, lists and single values."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping


def leaves(value: Any) -> Iterator[Any]:
    """Yield the single values in ``value``, itself where it is one."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return ``value`` with ``change`` made to each single value in it."""
    if isinstance(value, dict):
        return {key: map_leaves(one, change) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_leaves(one, change) for one in value]
    return change(value)
