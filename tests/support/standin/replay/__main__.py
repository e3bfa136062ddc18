# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m standin.replay FOLDER``: replays the recordings, prints what agrees, fails on any difference."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from .data import Data
from .exchanges import Replay
from .recordings import PROJECT, Recording, load, with_prerequisites
from .report import FileReport, omissions, summary
from .rewrites import replay_rewrites, replay_settings
from .startup import replay_console, replay_starts
from .values import Values
from .world import World


def replay(folder: Path, scratch: Path, only: Optional[List[str]] = None) -> Iterator[FileReport]:
    """Replay a folder of recordings (or some of its files) with data under ``scratch``; one report for each file."""
    found = load(folder)
    wanted = [one for one in found if not only or one.name in only]
    data = Data([one for one in found if one.kind == "exchanges"] or load(PROJECT))
    yield from _exchanges([one for one in wanted if one.kind == "exchanges"], data, scratch, found)
    for recording in wanted:
        if recording.kind == "rewrites":
            yield replay_rewrites(recording)
        elif recording.kind == "settings":
            yield replay_settings(recording)
        elif recording.kind != "exchanges":
            world = World(data, scratch / recording.name)
            try:
                yield (replay_starts if recording.kind == "starts" else replay_console)(recording, world)
            finally:
                world.stop()


def _exchanges(wanted: List[Recording], data: Data, scratch: Path, found: List[Recording]) -> Iterator[FileReport]:
    names = {one.name for one in wanted}
    learnt: Dict[str, Dict[str, str]] = {}
    every = with_prerequisites(found)
    needed = _needed(names, every)
    for name, recording in every.items():
        if name not in needed:
            continue
        before = [every[one] for one in recording.prerequisites()]
        values = Values(data, {key: value for one in before for key, value in learnt[one.name].items()})
        world = World(data, scratch / name)
        try:
            world.start(_left_by(before, scratch, cloud=False), _left_by(before, scratch, cloud=True))
            report = Replay(recording, world, values, omissions()).run()
        finally:
            world.stop()
        learnt[name] = values.learnt
        if name in names:
            yield report


def _needed(names: set[str], every: Dict[str, Recording]) -> set[str]:
    needed = set(names)
    for name in reversed(list(every)):
        if name in needed:
            needed.update(every[name].prerequisites())
    return needed


def _left_by(before: List[Recording], scratch: Path, cloud: bool) -> Optional[Path]:
    """Return the data of a face at the end of the prerequisite that used it; fresh data (None) without any."""
    users = [one for one in before if (one.uses_cloud() if cloud else one.uses_self_hosted())] or before
    return scratch / users[-1].name / ("cloud" if cloud else "self-hosted") if users else None


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m standin.replay", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=PROJECT)
    parser.add_argument("--only", nargs="*", metavar="FILE", help="these files of the folder only")
    options = parser.parse_args()
    started = time.monotonic()
    reports = []
    try:
        with tempfile.TemporaryDirectory(prefix="standin-replay-") as scratch:
            for report in replay(options.folder, Path(scratch), options.only):
                reports.append(report)
                print("\n".join(report.lines()), flush=True)
    except (OSError, ValueError) as error:
        print(f"the replay cannot be done: {error}", file=sys.stderr)
        return 2
    text, good = summary(reports)
    print(f"{text} (in {time.monotonic() - started:.0f} s)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
