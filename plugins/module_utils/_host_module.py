# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of the host modules: the only place where their results and expected errors become what Ansible gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

from ._common.errors import BitwardenError
from ._common.masking import maskable

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# What the user can cause or meet, each with a message that says what to do. Anything else is a defect and shows its
# traceback.
EXPECTED = (BitwardenError, OSError)


def run_host_module(
    module: AnsibleModule,
    main: Callable[[AnsibleModule], Dict[str, Any]],
    failure: Optional[Mapping[str, Any]] = None,
) -> None:
    """Run ``main`` and end the module with what it returns, or with the keys of an expected error.

    ``failure`` holds the keys that a failed result has as well where the error itself does not set them. Entries of
    ``warnings`` become Ansible's warnings.
    """
    # Ansible masks by text: a short secret, such as "e", would garble the result wherever it happens to occur in it.
    module.no_log_values = maskable(module.no_log_values)
    try:
        result = main(module)
    except EXPECTED as error:
        own = error.result() if isinstance(error, BitwardenError) else {"msg": _describe(error)}
        module.fail_json(**_with_warnings(module, {"changed": False, **(failure or {}), **own}))
    else:
        # A key such as rc would count as failure, but what ends here has none.
        module.exit_json(**_with_warnings(module, {"changed": False, "failed": False, **result}))


def _with_warnings(module: AnsibleModule, result: Dict[str, Any]) -> Dict[str, Any]:
    for warning in result.pop("warnings", []):
        module.warn(warning)
    return result


def _describe(error: OSError) -> str:
    """Name the file and the reason, without Python's error number."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."
