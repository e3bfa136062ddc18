# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes each task's result, as Ansible's own callbacks get to see it, to the file that TASK_RESULTS names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_results
type: notification
short_description: Task results as lines of JSON
description: For tests.
options: {}
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"

    def _note(self, result: Any, status: str) -> None:
        # ansible-core 2.19 gave these attributes public names, and warns about the old ones.
        host = getattr(result, "host", None) or result._host
        task = getattr(result, "task", None) or result._task
        content = result.result if hasattr(result, "result") else result._result
        line = {"host": host.get_name(), "task": task.get_name(), "action": task.action, "status": status}
        with Path(os.environ["TASK_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "result": dict(content)}, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._note(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._note(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._note(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._note(result, "skipped")
