# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test runs to bring pip into an empty environment, instead of a script from the Internet.

It is copied to where ansible-test looks for its own first; ``WHEEL`` is then the pip of the version it asks for.
Not run by hand.
"""

import sys

WHEEL = "@WHEEL@"

if __name__ == "__main__":
    sys.path.insert(0, WHEEL)
    from pip._internal.cli.main import main

    # Options of the script that this one stands for; pip itself does not know them.
    wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    sys.exit(main(["install", "--find-links", WHEEL.rpartition("/")[0], *wanted]))
