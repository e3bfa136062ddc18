# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrecy of settings: which values must not be shown."""

from __future__ import annotations

from typing import FrozenSet

from .._common.masking import holds_credentials, looks_secret
from .._env_files.document import canonical
from .spelling import nearest_known, type_of


def is_secret(key: str, secret_keys: FrozenSet[str] = frozenset()) -> bool:
    """Tell whether the value of ``key`` is secret: given as such, or of a name that stands for a secret.

    A boolean or number is not, whatever its name; a misspelt name is judged by the known one nearest to it too.
    """
    form = canonical(key.strip())
    if form in secret_keys:
        return True
    kind = type_of(form)
    if kind is not None and kind != "string":
        return False
    if looks_secret(key):
        return True
    nearest = None if kind else nearest_known(form)
    return nearest is not None and looks_secret(nearest)


def is_secret_setting(key: object, value: object) -> bool:
    """Tell whether a setting as given is secret, judged by its name or by credentials in its value.

    A list or mapping, which no setting takes, can have anything in it.
    """
    return isinstance(value, (dict, list, tuple)) or is_secret(str(key)) or holds_credentials(str(value))
