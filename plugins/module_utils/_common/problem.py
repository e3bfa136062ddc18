# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan finds wrong. Plans collect problems, so that one failure names all of them."""

from __future__ import annotations

from .errors import BitwardenError


class Problem(BitwardenError):
    """Something that would stop a run, or make it touch what is not the deployment's: what it is, and what to do."""
