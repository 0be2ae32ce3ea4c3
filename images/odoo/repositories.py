#!/usr/bin/env python3
"""Repositories of addons that the build fetches, each at one commit.

    repositories.py fetch repositories.json DIR   writes DIR/addons/<name>/… and DIR/requirements/*.txt
    repositories.py take report.json FROM TO      copies the modules below FROM that the addon check's report has

repositories.json: [{"name": "server-tools", "url": "https://…", "commit": "<full hash>"}, …]. Nothing of a repository
is run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# A server that sends nothing for a minute has gone. No other protocol, whatever a redirection says.
GIT = ["git", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "core.hooksPath=/dev/null",
       "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60", "-c", "advice.detachedHead=false"]


#: As Git says it of a private repository, and GitHub also of one that is not there.
WANTS_LOGIN = re.compile(r"could not read (Username|Password)|Authentication failed|URL returned error: 40[13]")


def fail(message, code="BUILD_FAILURE"):
    sys.exit(f"{code}: {message}")


def fetch(listing, target):
    addons, requirements = Path(target, "addons"), Path(target, "requirements")
    for folder in (addons, requirements):
        folder.mkdir(parents=True)
    for repository in json.loads(Path(listing).read_text(encoding="utf-8")):
        name, commit = repository["name"], repository["commit"]
        folder = addons / name
        for words in (["init", "--quiet", str(folder)],
                      ["-C", str(folder), "fetch", "--quiet", "--depth", "1", "--no-tags", "--", repository["url"],
                       commit],
                      # By its hash, so that it is what was asked for, whatever was sent.
                      ["-C", str(folder), "checkout", "--quiet", commit]):
            done = subprocess.run(GIT + words, capture_output=True, text=True, errors="replace",
                                  env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
            if done.returncode:
                said = f"the repository {name} cannot be fetched at {commit}: {' '.join(done.stderr.split())}"
                if WANTS_LOGIN.search(done.stderr):
                    fail(f"{said}; a build has no login: take a private repository as a Git submodule (docs/addons.md)",
                         "REPOS_INVALID")
                fail(said)
        shutil.rmtree(folder / ".git")
        for file in [folder / "requirements.txt", *folder.glob("*/requirements.txt")]:
            if file.is_file() and not file.is_symlink() and (file.parent == folder or is_module(file.parent)):
                shutil.copyfile(file, requirements / f"{'--'.join(file.relative_to(addons).parent.parts)}.txt")


def is_module(folder):
    return (folder / "__manifest__.py").is_file()


def take(report, source, target):
    for module in json.loads(Path(report).read_text(encoding="utf-8"))["modules"]:
        if module["path"].startswith(source + os.sep):
            copy(module["path"], os.path.join(target, module["name"]))


#: As in components/image/context.ts: what editors, Python and version control leave, and hidden files. Python would run
#: a compiled file in the place of the source that people read.
LITTER = re.compile(r"\..*|__pycache__|node_modules|.*\.py[co]|.*~", re.DOTALL)


def copy(module, target):
    """Copies a module as the build context does with those of the project."""
    for folder, folders, names in os.walk(module):
        folders[:] = [name for name in folders if not LITTER.fullmatch(name)]
        for link in (name for name in folders if os.path.islink(os.path.join(folder, name))):
            fail(f"{os.path.join(folder, link)} is a link to a folder, which may have no end")
        place = os.path.join(target, os.path.relpath(folder, module))
        os.makedirs(place, exist_ok=True)
        for name in names:
            if not LITTER.fullmatch(name):
                shutil.copy(os.path.join(folder, name), place)


if __name__ == "__main__":
    {"fetch": fetch, "take": take}[sys.argv[1]](*sys.argv[2:])
