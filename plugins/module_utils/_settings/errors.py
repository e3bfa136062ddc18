# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of this package."""

from __future__ import annotations

from .._common.errors import BitwardenError


class SettingsError(BitwardenError):
    """Requested settings that cannot be set. The message names the setting and the remedy, never a value."""
