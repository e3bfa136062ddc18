# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test runs to bring pip into an empty environment, instead of a script from the Internet.

It is copied to where ansible-test looks for its own first; ``WHEEL`` is then the pip of the version it asks for. What
it asks for is installed once, in ``SHARED``, and every environment finds it there: ansible-test makes about ten for
each core, and takes pip out of each again when it has installed what a test needs. Not run by hand.
"""

import shutil
import sys
import sysconfig
from pathlib import Path

WHEEL = Path("@WHEEL@")
SHARED = Path("@SHARED@")


def install(packages):
    """Install them into the shared folder by the pip of the wheel; return its exit status."""
    sys.path.insert(0, str(WHEEL))
    from pip._internal.cli.main import main  # noqa: PLC0415

    partial = SHARED.with_name(SHARED.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    status = main(["install", "--target", str(partial), "--find-links", str(WHEEL.parent), *packages])
    if not status:
        partial.rename(SHARED)
    return status


if __name__ == "__main__":
    # Options of the script that this one stands for; pip itself does not know them.
    wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    failed = 0 if SHARED.exists() else install(wanted)
    if not failed:
        Path(sysconfig.get_path("purelib"), "shared-pip.pth").write_text(f"{SHARED}\n")
    sys.exit(failed)
