# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Former names of what is in checks and problems, until all callers use the new ones."""

from __future__ import annotations

from .checks import KnownLicense, license_errors, license_warnings
from .problems import Problem

Known = KnownLicense
Objection = Problem
dangers = license_warnings
refusals = license_errors
