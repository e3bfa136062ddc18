# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of every expected error. Only the edges (host modules, action plugins) turn one into a failed result."""

from __future__ import annotations

from typing import Any, Dict


class BitwardenError(Exception):
    """An expected error, which the user can cause or meet. Its message is shown as it is, so it holds no secret."""

    def result(self) -> Dict[str, Any]:
        """Return the failed task's keys: ``msg``, and those that a subclass adds."""
        return {"msg": str(self)}
