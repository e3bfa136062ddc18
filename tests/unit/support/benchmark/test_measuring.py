# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the benchmark counts bytes, lets hosts answer without running, and reads a run."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from tests.support.benchmark import size
from tests.support.benchmark.downtime import Watch, downtime
from tests.support.benchmark.runs import FOLDER, Run
from tests.support.fleet import FleetError


def test_bytes_sent_are_counted_and_the_answer_comes_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                received = b""
                while len(received) < 100_000:
                    received += connection.recv(65536)
                connection.sendall(received[:5])

        thread = threading.Thread(target=serve)
        thread.start()
        command = [sys.executable, str(FOLDER / "count_bytes.py"), str(tmp_path), *map(str, server.getsockname())]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdin.write(b"12345" * 20_000)
            process.stdin.flush()
            assert process.stdout.read(5) == b"12345"
            process.stdin.close()
            process.wait(10)
        thread.join(10)
    assert [count.read_text() for count in tmp_path.iterdir()] == ["100000"]


@pytest.fixture
def python(tmp_path):
    """Return the program that stands in for Python on a host."""
    program = tmp_path / "python"
    program.write_text(size._PROGRAM)
    program.chmod(0o755)
    return program


def test_a_module_answers_again_without_running(python, tmp_path):
    ran = tmp_path / "ran"
    module = tmp_path / "AnsiballZ_server.py"
    module.write_text(f"print('one answer'); open({str(ran)!r}, 'a').write('x')")
    for _time in range(2):
        assert subprocess.check_output([python, module], text=True) == "one answer\n"
    assert ran.read_text() == "x"


def test_a_module_that_fails_is_not_remembered(python, tmp_path):
    module = tmp_path / "AnsiballZ_server.py"
    module.write_text("raise SystemExit(3)")
    for _time in range(2):
        assert subprocess.run([python, module], check=False).returncode == 3


def test_anything_else_runs(python):
    assert subprocess.check_output([python, "-c", "print(1 + 1)"], text=True) == "2\n"


def test_recap():
    output = "PLAY RECAP ****\nbw1    : ok=5    changed=0    skipped=2\nbw2    : ok=4    changed=1    skipped=0\n\n"
    assert Run(1.0, 1.0, 1, output).recap() == {
        "bw1": {"ok": 5, "changed": 0, "skipped": 2},
        "bw2": {"ok": 4, "changed": 1, "skipped": 0},
    }


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        ([(0.0, True), (1.0, True)], 0.0),
        ([(0.0, True), (1.0, False), (2.5, False), (4.0, True)], 3.0),
        ([(0.0, True), (1.0, False), (2.0, True), (3.0, False), (7.0, True), (8.0, True)], 5.0),
    ],
)
def test_downtime_is_all_the_time_without_an_answer(seen, seconds):
    assert downtime(seen) == seconds


def test_a_server_is_watched_until_it_answers_again():
    answers = iter([True, False, False])
    with Watch(lambda: next(answers, True)) as watch:
        pass
    assert 0.05 < watch.down() < 5
    with Watch(lambda: True) as watch:
        pass
    with pytest.raises(FleetError, match="was not updated"):
        watch.down()
