# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-vault encrypted: values by themselves (``!vault``), recognised and as plain text; files."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import Any, Iterator, Mapping, Set

from ansible.errors import AnsibleError
from ansible.parsing.vault import is_encrypted
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import maskable
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.structures import leaves, map_leaves

try:
    from ansible.parsing.vault import EncryptedString, VaultHelper
except ImportError:  # ansible-core before 2.19
    from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode as EncryptedString

    VaultHelper = None

# Of a task's variables: other hosts and groups, facts, and all variables once more.
_NOT_THE_HOSTS_OWN = ("hostvars", "groups", "ansible_facts", "vars")


def read_decrypted(loader: Any, path: str) -> bytes:
    """Return the content of a file of the controller, decrypted where it is a vault's.

    It is decrypted in memory: Ansible's own ``get_real_file`` does it on disk, where a killed run would leave it.
    Raises ``AnsibleError`` and ``OSError``.
    """
    content = Path(loader.get_real_file(path, decrypt=False)).read_bytes()
    return bytes(loader._vault.decrypt(content)) if is_encrypted(content) else content


def plain(value: Any) -> Any:
    """Return a value with all that is encrypted in it as text. Raises ``AnsibleError`` without the key."""
    return map_leaves(value, lambda one: str(one) if isinstance(one, EncryptedString) else one)


class VaultedValues:
    """Tells which values of a task are secret because they, or a variable that is part of them, were encrypted.

    ansible-core before 2.19 forgets it as soon as a value went through a template, and every version where it became
    part of another one. So values are compared with the encrypted variables, too; these are decrypted when it
    matters.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    def __contains__(self, value: object) -> bool:
        """Tell whether anything in ``value`` was encrypted."""
        return any(is_vaulted(one) or self._holds_one(str(one)) for one in leaves(value))

    def _holds_one(self, text: str) -> bool:
        return bool(maskable([text])) and any(one in text for one in self._texts)

    @cached_property
    def _texts(self) -> Set[str]:
        return maskable(_decrypted(self._variables))


def is_vaulted(value: object) -> bool:
    """Tell whether a value itself is encrypted, or was until Ansible decrypted it."""
    if isinstance(value, EncryptedString):
        return True
    return VaultHelper is not None and VaultHelper.get_ciphertext(value, with_tags=False) is not None


def _decrypted(variables: Mapping[str, Any]) -> Iterator[str]:
    for one in leaves([value for name, value in variables.items() if name not in _NOT_THE_HOSTS_OWN]):
        if isinstance(one, EncryptedString):
            # One of a key that this run does not have cannot be in the task.
            with contextlib.suppress(AnsibleError):
                yield str(one).strip()
        elif isinstance(one, str) and is_vaulted(one):
            yield str(one).strip()
