# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Former place of what is in checks, until all callers use the new one."""

from __future__ import annotations

from .checks import rejection

__all__ = ["rejection"]
