#!/usr/bin/env python3
"""Lays out what images/odoo/Dockerfile is built from, for a plain `docker build` at the root of a project.

`pulumi up` prepares the same by components/image/context.ts; a test compares both. What Git ignores stays out, by the
.gitignore files: a file that is ignored and committed all the same is not seen here.

    plain_context.py TARGET SERIES --addons DIR… [--oca DIR…] [--repository NAME=URL@COMMIT…] [--require NAME…]
                     [--package NAME==VERSION…] [--ca FILE]
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from repositories import LITTER

IMAGE = "images/odoo"
#: A team's own, in the place of the program's.
CONFIGURATION = "deploy/odoo.conf"


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("series")
    for name in ("addons", "oca", "repository", "require", "package"):
        parser.add_argument(f"--{name}", nargs="*", default=[])
    parser.add_argument("--ca", default="")
    wanted = parser.parse_args(argv)
    files = dict(layout(modules_of(wanted), wanted))
    for target, source in files.items():
        (wanted.target / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, wanted.target / target)
    for folder in ("extra-addons", "oca-addons", "requirements", "ca"):
        (wanted.target / folder).mkdir(parents=True, exist_ok=True)


def modules_of(wanted):
    """What the addon check lists, which is what `pulumi up` bakes; ends with its findings if it has errors."""
    found = importlib.util.find_spec("odoo")
    places = [path for root in (found and found.submodule_search_locations or [])
              for path in (f"{root}/addons", f"{root}/../addons") if os.path.isdir(path)]
    command = [sys.executable, "-B", f"{IMAGE}/addons_check.py", "--json", "--series", wanted.series,
               *(["--base", os.pathsep.join(places)] if places else []),
               *(["--elsewhere"] if wanted.repository else []), *(f"--package={name}" for name in wanted.package),
               *(f"--optional={name}" for name in wanted.oca),
               *(["--require", *wanted.require] if wanted.require else []), "--", *wanted.addons]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)
    report = json.loads(done.stdout)
    if done.returncode == 1:
        sys.exit("\n".join(f"{finding['code']}: {finding['path']}: {finding['message']}"
                           for finding in report["findings"] if finding["severity"] == "error"))
    return report["modules"]


def layout(modules, wanted):
    """(path in the context, file) of everything."""
    for name in os.listdir(IMAGE):
        if os.path.isfile(f"{IMAGE}/{name}"):
            yield name, f"{IMAGE}/{name}"
    if os.path.exists(CONFIGURATION):
        yield "odoo.conf", CONFIGURATION
    baked = {}
    for module in modules:
        place = f"{'oca' if os.path.dirname(module['path']) in wanted.oca else 'extra'}-addons/{module['name']}"
        files = {f"{place}/{name}": f"{module['path']}/{name}" for name in files_below(module["path"])}
        yield from files.items()
        baked[module["name"]] = {"version": module["version"], "hash": content_hash(files)}
    for folder in [*wanted.addons, *wanted.oca, *(module["path"] for module in modules)]:
        if os.path.exists(f"{folder}/requirements.txt"):
            yield f"requirements/{folder.replace('/', '--')}.txt", f"{folder}/requirements.txt"
    if wanted.ca and os.path.getsize(wanted.ca) > 0:
        yield "ca/extra.crt", wanted.ca
    wanted.target.mkdir(parents=True, exist_ok=True)
    for name, content in (("modules.json", dict(sorted(baked.items()))),
                          ("repositories.json", list(map(repository, wanted.repository)))):
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        (wanted.target / name).write_text(text, encoding="utf-8")


def repository(words):
    name, _, place = words.partition("=")
    url, _, commit = place.rpartition("@")
    return {"name": name, "url": url, "commit": commit}


def files_below(folder):
    # A folder that is ignored as a whole, of fetched modules, may be in the settings all the same.
    files = not_ignored(folder) or [os.path.relpath(os.path.join(at, name), folder)
                                    for at, _, names in os.walk(folder) for name in names]
    kept = [name for name in files if not any(LITTER.fullmatch(part) for part in name.split("/"))
            and os.path.exists(f"{folder}/{name}")]
    for name in kept:
        if os.path.isdir(f"{folder}/{name}"):
            sys.exit(f"ADDON_INVALID: {folder}/{name}: a module contains a link to a folder: replace it by its files")
    return kept


def not_ignored(folder):
    """Files of `folder` that the project's .gitignore files leave; the repository itself is not in a build."""
    with tempfile.TemporaryDirectory() as empty:
        git = ["git", f"--git-dir={empty}/git"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        listed = subprocess.run([*git, "--work-tree=.", "ls-files", "-z", "--others", "--exclude-standard", "--",
                                 folder], stdout=subprocess.PIPE, check=True)
    return [os.path.relpath(name, folder) for name in listed.stdout.decode().split("\0") if name]


def content_hash(files):
    """As hashFiles of context.ts. JavaScript compares texts by their UTF-16 code units."""
    digest = hashlib.sha256()
    for target in sorted(files, key=lambda name: name.encode("utf-16-be")):
        source = Path(files[target])
        executable = "x" if source.stat().st_mode & 0o111 else "-"
        digest.update(f"{target}\0{executable}\0{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
