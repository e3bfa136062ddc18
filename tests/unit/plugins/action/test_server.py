# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens on the controller: the keys of config.yml, the certificate's files."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleFileNotFound
from ansible_collections.selfhosted.bitwarden.plugins.action import server as server_action
from ansible_collections.selfhosted.bitwarden.plugins.action.server import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError

from tests.support.certificates import issue


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Have the plugin check the arguments of a task, with files of the controller: ``checked(files, **arguments)``."""
    monkeypatch.setattr(server_action, "find_file", lambda action, path, variables: path)

    def make(files, **arguments):
        def read(loader, path):
            if path not in files:
                raise AnsibleFileNotFound(file_name=path)
            return files[path]

        monkeypatch.setattr(server_action, "read_decrypted", read)
        found = ActionModule.__new__(ActionModule)
        found._loader = None
        found._task = SimpleNamespace(args=arguments, module_defaults=[])
        return found, found._checked_arguments({})

    return make


NAME = "vault.example.com"
ISSUED = issue(NAME, (NAME,))
FILES = {"a.crt": ISSUED.pem.encode(), "a.key": ISSUED.key_pem().encode()}
PATHS = {"cert": "a.crt", "key": "a.key"}


def test_the_contents_are_sent_in_place_of_the_paths(checked):
    action, arguments = checked(FILES, certificate=PATHS, config={"http_port": 8080})
    assert arguments["certificate"] == {"cert": ISSUED.pem, "key": ISSUED.key_pem()}
    assert arguments["config"] == {"http_port": 8080}
    result = action._with_paths({"invocation": {"module_args": dict(arguments)}})
    assert result["invocation"]["module_args"]["certificate"] == PATHS
    assert action.options()["certificate"]["options"]["key"]["no_log"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"certificate": {**PATHS, "cert": "b.crt"}}, ["certificate.cert: b.crt cannot be read on the controller"]),
        ({"certificate": {**PATHS, "key": ISSUED.key_pem()}}, ["certificate.key holds the text of a file"]),
        ({"certificate": {**PATHS, "key": "der"}}, ["certificate.key: der is not PEM"]),
        ({"certificate": {**PATHS, "key": "a.crt"}}, ["certificate.key: the file holds no private key"]),
        ({"certificate": {"cert": "a.crt"}}, ["key"]),
        ({"certificate": {**PATHS, "crt": "x"}}, ["crt"]),
        ({"config": {"http_port": "x"}, "wait_timeout": "soon"}, ["config.http_port", "wait_timeout"]),
        ({"config": {"htp_port": 1}}, ["Did you mean http_port"]),
    ],
)
def test_every_fault_is_named_before_anything_is_sent(checked, arguments, words):
    with pytest.raises(BitwardenError) as error:
        checked({**FILES, "der": b"\x30\x82\xff"}, **arguments)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert not any(line in str(error.value) for line in ISSUED.key_pem().splitlines()[1:-1])
