# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write when each task began, and the end and when the run ended to the file that TASK_TIMES names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_times
type: notification
short_description: Record when tasks begin
description: For the benchmark.
options: {}
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_times"

    def _note(self, name: str) -> None:
        with Path(os.environ["TASK_TIMES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, time.monotonic()]) + "\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._note(task.get_name().rpartition(" : ")[2])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._note("")
