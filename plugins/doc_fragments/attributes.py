# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the attributes."""

from __future__ import annotations


class ModuleDocFragment:
    """The standard attributes; a module adds its own C(support) to these."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: posix
"""

    HOST = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/selfhosted.bitwarden.host) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - selfhosted.bitwarden.host
"""

    API = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/selfhosted.bitwarden.api) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - selfhosted.bitwarden.api
"""

    CLOUD = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/selfhosted.bitwarden.cloud) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - selfhosted.bitwarden.cloud
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""
