#!/usr/bin/env python3
"""Writes images/odoo/enterprise-modules.txt from the lists of names that a published package keeps, one per series.

    npm run -s enterprise-modules             with the version that is pinned here
    scripts/enterprise_modules.py WHEEL       from a file, to standard output
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# MIT, and names are facts. It is generated from Odoo's own repositories each week.
SOURCE = "manifestoo-core==1.16.1"
SERIES = ("16.0", "17.0", "18.0", "19.0")
TARGET = Path(__file__).resolve().parent.parent / "images" / "odoo" / "enterprise-modules.txt"
HEADER = """\
# Modules that only Odoo Enterprise has: technical name, then each series in which it is one. Do not edit:
# `npm run -s enterprise-modules` writes this file, and scripts/enterprise_modules.py has the version of its source.
# A name that is missing here and in Odoo is still "nowhere". A module that the base image contains is never taken for
# Enterprise, whatever stands here.
# source {source}, wheel {wheel}
# lines {lines}
"""


def names(wheel, series):
    """Names of the Enterprise modules of one series."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"manifestoo_core/core_addons/addons-{series}-e.txt").decode("utf-8")
    found = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not found or not all(re.fullmatch(r"\w+", name) for name in found):
        sys.exit(f"{wheel}: no list of names for {series}: the package has another form now")
    return found


def listing(wheel):
    known = {}
    for series in SERIES:
        for name in names(wheel, series):
            known.setdefault(name, []).append(series)
    lines = "".join(f"{name} {' '.join(known[name])}\n" for name in sorted(known))
    return HEADER.format(source=SOURCE.replace("==", " "), wheel=sha256(Path(wheel).read_bytes()),
                         lines=sha256(lines.encode())) + lines


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def main(argv):
    if argv:
        print(listing(argv[0]), end="")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                        "--dest", folder, SOURCE], check=True)
        [wheel] = Path(folder).glob("*.whl")
        TARGET.write_text(listing(wheel), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
