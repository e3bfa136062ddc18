# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that the host modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """What every module needs that works on a server's host."""

    DOCUMENTATION = r"""
options:
  bwdata:
    description:
      - Data folder of the server, an absolute path.
      - Images from cloud marketplaces have it at V(/home/bitwarden/bwdata).
    type: path
    default: /opt/bitwarden/bwdata
requirements:
  - Python 3.8 or later on the host
"""

    UNREACHABLE = r"""
options:
  fail_when_unreachable:
    version_added: 0.2.0
    description:
      - Whether the task fails on a host that cannot be reached. A C(rescue) can then handle it like any other failure.
        Otherwise an unreachable host leaves the play.
    type: bool
    default: false
"""
