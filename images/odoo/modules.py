#!/usr/bin/env python3
"""The modules of this image, by which a host decides what a release changes and whether a database belongs to it.

    python3 -I /opt/odoo/modules.py          every module: Odoo's own and the baked ones; needs no database or network
    python3 -I /opt/odoo/modules.py --base   Odoo's own, read from its files: the build writes core-modules.json by it

Prints JSON: {"series": "19.0", "modules": {"sale": {"version": "19.0.1.2", "hash": "…"}, …}, "serverWide": null}. A
version is as Odoo stores it in `ir_module_module.latest_version`.
"""

import ast
import configparser
import hashlib
import json
import os
import sys
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent
# Not hashed: what a browser fetches (`static`), what only a test run loads, and what Python leaves behind. None of it
# reaches the database, and it is most of the bytes. Translations do reach it (JSON columns): they count.
NOT_HASHED = {"static", "tests", "__pycache__"}


def content_hash(module):
    """SHA-256 over the module's files, by path and content; dates, owners and modes do not count."""
    lines = []
    for directory, folders, files in os.walk(module):
        folders[:] = [name for name in folders if name not in NOT_HASHED]
        for name in files:
            if not name.endswith((".pyc", ".pyo")):
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                lines.append(f"{os.path.relpath(path, module)}\0{digest}\n")
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()


def from_directories(directories):
    """Version and hash of each installable module. Of two with one name Odoo takes the one on the earlier path, and so
    does this.
    """
    found = {}
    for manifest in (file for directory in directories for file in sorted(Path(directory).glob("*/__manifest__.py"))):
        name = manifest.parent.name
        if name not in found:
            content = ast.literal_eval(manifest.read_text(encoding="utf-8"))
            # One that is not installable is not loaded, even where the database has it installed: the image lacks it.
            installable = content.get("installable", True)
            found[name] = {"version": str(content.get("version") or "1.0"),
                           "hash": content_hash(manifest.parent)} if installable else None
    return {name: module for name, module in found.items() if module}


def base_modules():
    import odoo.addons  # only the image has it; its path includes addons that came as wheels

    # A source checkout has most modules beside the package.
    beside = [os.path.join(os.path.dirname(os.path.dirname(path)), "addons") for path in odoo.addons.__path__]
    modules = from_directories(dict.fromkeys([*odoo.addons.__path__, *beside]))
    if "base" not in modules:
        sys.exit(f"BASE_IMAGE_INVALID: no module `base` in {', '.join(odoo.addons.__path__)}")
    return modules


def read(directory=DIRECTORY):
    """The release of this image (release.json) and all of its modules; a baked module replaces one of the base."""
    release = json.loads((directory / "release.json").read_text(encoding="utf-8"))
    core = json.loads((directory / "core-modules.json").read_text(encoding="utf-8"))
    return release, core | release["modules"]


def stored_version(version, series):
    """As Odoo's adapt_version: the manifest's "1.0" is "19.0.1.0" in the database, and so is one without a version."""
    version = version or "1.0"
    return version if version.startswith(f"{series}.") else f"{series}.{version}"


def server_wide(file=Path("/etc/odoo/odoo.conf")):
    """What the baked configuration loads for the whole server, as it is written there; None where it says nothing."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file, encoding="utf-8")
        return parser.get("options", "server_wide_modules", fallback=None)
    except (OSError, ValueError, configparser.Error):
        # The entrypoint tells what is wrong with it.
        return None


def main(argv):
    if argv == ["--base"]:
        result = base_modules()
    elif argv:
        sys.exit("usage: modules.py [--base]")
    else:
        release, modules = read()
        series = release["series"]
        versions = {name: {**module, "version": stored_version(module["version"], series)} for name,
                    module in modules.items()}
        result = {"series": series, "modules": versions, "serverWide": server_wide()}
    print(json.dumps(result, indent=1, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
