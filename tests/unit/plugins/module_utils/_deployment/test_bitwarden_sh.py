# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether bitwarden.sh and its run.sh are whole, told from real files by the real bash."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Commands
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.bitwarden_sh import Script

# Laid out as Bitwarden's: a here-document and a case before the functions, and the command chosen at the end.
WHOLE = """#!/usr/bin/env bash
set -e

cat << "EOF"
Open source password management
EOF

case "$choice" in
    [Yy]) ;;
esac

OUTPUT=$2

function createDir() {
    mkdir -p $OUTPUT/$1
}

function listCommands() {
cat << EOT
restart
EOT
}

case $1 in
    "start" | "restart")
        $OUTPUT/scripts/run.sh restart $OUTPUT
        ;;
esac
"""
PAGE = "<!DOCTYPE html>\n<html><body>Service unavailable</body></html>\n"


@pytest.fixture
def script(tmp_path):
    scripts = tmp_path / "bwdata" / "scripts"
    scripts.mkdir(parents=True)
    for path in (tmp_path / "bitwarden.sh", scripts / "run.sh"):
        path.write_text(WHOLE)
        path.chmod(0o700)
    commands = Commands(Account.owner_of(str(tmp_path)), {"PATH": os.environ["PATH"]})
    return Script(commands, str(tmp_path / "bitwarden.sh"), str(tmp_path / "bwdata"))


def problems(script):
    return script.problems(lambda text: text.replace("hunter2", "***"))


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        '#!/bin/sh\nexec sudo -u bitwarden /opt/bitwarden/bitwarden.sh "$@"\n',
        '#!/bin/bash\nmain() {\n    run.sh "$1"\n}\nmain $*',
    ],
)
def test_a_whole_script_and_a_wrapper_have_no_problem(script, tmp_path, content):
    (tmp_path / "bitwarden.sh").write_text(content)
    assert problems(script) == []


def test_a_wrapper_that_does_not_call_run_sh_does_not_need_it(script, tmp_path):
    (tmp_path / "bitwarden.sh").write_text('#!/bin/sh\nexec /srv/bitwarden.sh "$@"\n')
    (tmp_path / "bwdata" / "scripts" / "run.sh").unlink()
    assert problems(script) == []


BROKEN = {
    "": "is empty.",
    PAGE: "is not a shell script. It begins with '<!DOCTYPE html>'.",
    "password=hunter2" + "x" * 100: "is not a shell script. It begins with 'password=***xxx",
    "\0" * 20: r"is not a shell script. It begins with '\x00",
    "\n" + WHOLE: "is not a shell script. It begins with ''.",
    WHOLE.replace("\n", "\r\n"): "is broken: ",
    WHOLE[: WHOLE.index("        ;;")]: "syntax error: unexpected end of file",
    WHOLE[: WHOLE.index("case $1")]: "is cut off: it never reads the command that it is given.",
    WHOLE[: WHOLE.index("EOT\n}")]: "It begins with '#!/usr/bin/env bash'.",
    WHOLE[: WHOLE.index("set -e")]: "is cut off",
}


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "bitwarden.sh",
            "curl -fLo {0}/bitwarden.sh 'https://func.bitwarden.com/api/dl/?app=self-host&platform=linux'",
        ),
        ("bwdata/scripts/run.sh", "{0}/bitwarden.sh updaterun"),
    ],
)
def test_a_broken_script_is_named_with_what_it_begins_with_and_how_to_get_it_again(
    script, tmp_path, name, remedy, content
):
    (tmp_path / name).write_bytes(content.encode())
    (problem,) = problems(script)
    assert problem.startswith(str(tmp_path / name))
    assert BROKEN[content] in problem and "hunter2" not in problem
    assert problem.endswith(f"Replace it as {script.commands.account.name} ({remedy.format(tmp_path)}).")


def test_a_script_cut_off_anywhere_is_recognized(script, tmp_path):
    for size in range(0, len(WHOLE) - 5, 11):
        (tmp_path / "bitwarden.sh").write_text(WHOLE[:size])
        assert problems(script), WHOLE[:size]


def test_all_faults_are_named_at_once(script, tmp_path):
    (tmp_path / "bitwarden.sh").write_text(PAGE)
    (tmp_path / "bwdata" / "scripts" / "run.sh").unlink()
    first, second = problems(script)
    assert "bitwarden.sh is not a shell script" in first
    assert "run.sh, which bitwarden.sh calls, does not exist." in second


def test_a_folder_and_what_the_owner_may_not_execute_are_told(script, tmp_path):
    run = tmp_path / "bwdata" / "scripts" / "run.sh"
    run.chmod(0o600)
    assert problems(script) == [
        f"{run}, which bitwarden.sh calls, is not executable by {script.commands.account.name} (chmod u+x {run})."
    ]
    run.unlink()
    run.mkdir()
    (problem,) = problems(script)
    assert "is not a regular file" in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_only_root_can_read_is_told(script, tmp_path):
    owner = pwd.getpwnam("nobody")
    account = Account("nobody", owner.pw_uid, owner.pw_gid, (owner.pw_gid,), "/")
    other = Script(Commands(account, {"PATH": os.environ["PATH"]}), script.path, script.bwdata)
    first, second = problems(other)
    assert "bitwarden.sh cannot be read by nobody: Permission denied." in first
    assert "run.sh, which bitwarden.sh calls, cannot be read by nobody" in second


def test_for_another_data_folder_the_remedy_names_it(script, tmp_path):
    (tmp_path / "bwdata").rename(tmp_path / "data")
    (tmp_path / "data" / "scripts" / "run.sh").write_text("")
    (problem,) = problems(Script(script.commands, script.path, str(tmp_path / "data")))
    assert problem.endswith(f"bitwarden.sh updaterun {tmp_path}/data).")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_question_at_the_end_of_an_old_script_gets_no_answer_and_does_not_wait_for_one(tmp_path, user):
    """As v2025.12.1 to v2026.1.0 ask, with Let's Encrypt, whether to remove old images of certbot."""
    path = tmp_path / "bitwarden.sh"
    path.write_text(
        '#!/bin/bash\nset -e\nif [ "$(id -u)" = 0 ]; then read -r -p "Continue? " answer; [ "$answer" = y ]; fi\n'
        'echo up\nread -r -p "Purge certbot images? (y/n) " purge\necho "purged: $purge"\n'
    )
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o005:
            folder.chmod(0o755)
    owner = pwd.getpwnam(user)
    account = Account(user, owner.pw_uid, owner.pw_gid, (owner.pw_gid,), "/")
    script = Script(Commands(account, {"PATH": os.environ["PATH"]}), str(path), str(tmp_path / "bwdata"), 20.0)
    done = script.run("restart")
    # What it did shows in the containers, whatever its exit status.
    assert (done.interrupted, done.rc, done.stdout) == (False, 1, "up\n")
