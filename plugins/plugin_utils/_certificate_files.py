# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate, key and authority that a task names: read on the controller, checked, and sent as contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.check import Files, faults_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import is_document

OPTIONS = ("cert", "key", "ca")


def contents_of(paths: Mapping[str, Any], read: Callable[[str], bytes]) -> tuple[dict[str, str], list[str]]:
    """Return the contents of the files by option, and what is wrong with them; no message shows a part of the key.

    ``read`` returns a file of the controller, decrypted.
    """
    contents: dict[str, str] = {}
    faults = []
    for option in OPTIONS:
        path = paths.get(option)
        if path in (None, ""):
            continue
        if is_document(str(path)):
            faults.append(f"certificate.{option} holds the text of a file, not a path. Write the path of the file.")
            continue
        try:
            contents[option] = read(str(path)).decode()
        except UnicodeDecodeError:
            faults.append(f"certificate.{option}: {path} is not PEM. Convert it (openssl x509, openssl pkey).")
        except (AnsibleError, OSError) as error:
            reason = str(error).rstrip(".")
            faults.append(f"certificate.{option}: {path} cannot be read on the controller: {reason}. Correct the path.")
    if not faults and {"cert", "key"} <= set(contents):
        faults = faults_of(Files(contents["cert"], contents["key"], contents.get("ca")))
    return contents, faults
