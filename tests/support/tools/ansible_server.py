# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-playbook`` imported once, and forked for each run: `warm_ansible` starts it with an ansible-core's Python.

``ansible_server.py SOCKET``: each connection is one run, a line of JSON, and is answered with its exit status. The
server ends with its standard input.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

# What a run loads beside the command itself; other versions have others.
_PLUGINS = (
    "action.normal become.sudo cache.memory callback.default callback.junit callback.minimal callback.oneline"
    " callback.tree connection.local connection.ssh inventory.auto inventory.host_list inventory.ini"
    " inventory.script inventory.toml inventory.yaml shell.sh strategy.linear"
)
_OTHERS = (
    "ansible.executor.module_common ansible.playbook.handler_task_include ansible.playbook.included_file"
    " ansible.playbook.role_include ansible.utils.hashing multiprocessing.queues multiprocessing.synchronize"
    " xml.dom.minidom"
)


def serve(path: str) -> int:
    """Fork for each connection until standard input ends; in the process of a run return its exit status."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        ready = [key.fileobj for key, _events in waiting.select(timeout=10)]
        if listener in ready:
            connection, _address = listener.accept()
            if not os.fork():
                return _attend(connection)
            connection.close()
        if sys.stdin in ready:
            return 0
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _attend(connection: socket.socket) -> int:
    """Start the run, and tell its end. It is killed where nobody waits for that any more."""
    with connection.makefile("r") as lines:
        wanted = json.loads(lines.readline())
    child = os.fork()
    if not child:
        connection.close()
        return _run(wanted)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    ended = os.pidfd_open(child)
    waiting = selectors.DefaultSelector()
    waiting.register(ended, selectors.EVENT_READ)
    waiting.register(connection, selectors.EVENT_READ)
    if ended not in [key.fileobj for key, _events in waiting.select()]:
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _run(wanted: dict[str, Any]) -> int:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    for number, name in enumerate((os.devnull, wanted["output"], wanted["errors"])):
        opened = os.open(name, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = wanted["arguments"]
    _own_temporary_folder()
    from ansible.cli.playbook import main  # noqa: PLC0415

    # It exits itself; its own status is that of the process.
    return int(main() or 0)


def _own_temporary_folder() -> None:
    """Give this process its own folder: it has its parent's, made when Ansible was imported and removed at the end."""
    from ansible import constants  # noqa: PLC0415
    from ansible.utils.path import cleanup_tmp_file  # noqa: PLC0415

    atexit.unregister(cleanup_tmp_file)
    parent = Path(constants.DEFAULT_LOCAL_TMP)
    folder = tempfile.mkdtemp(prefix=f"ansible-local-{os.getpid()}", dir=parent.parent)
    atexit.register(cleanup_tmp_file, folder, warn=True)
    # The modules packed for a host, without their options: they cost as much as all else of a short run.
    packed = parent / "ansiballz_cache"
    packed.mkdir(exist_ok=True)
    Path(folder, packed.name).symlink_to(packed)
    constants.DEFAULT_LOCAL_TMP = folder


def _import() -> None:
    for name in ("ansible.cli.playbook", *_OTHERS.split(), *(f"ansible.plugins.{name}" for name in _PLUGINS.split())):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    # As for the command; this folder has modules with all kinds of names.
    sys.path[0] = str(Path(sys.executable).parent)
    _import()
    sys.exit(serve(sys.argv[1]))
