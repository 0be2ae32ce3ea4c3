"""What the addon check asks of files, of Odoo's own modules and of the dependency graph; it knows no rule about
manifests.
"""

import ast
import contextlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from xml.parsers import expat

PULL_AND_LIST_SECONDS = 600
# It reads names and prints them, as the image's own user.
READER = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
          "--memory", "512m", "--cpus", "1", "--pids-limit", "64"]
LIST_MODULES = """
import glob, importlib.util, os
for root in importlib.util.find_spec("odoo").submodule_search_locations:
    for manifest in glob.glob(root + "/addons/*/__manifest__.py") + glob.glob(root + "/../addons/*/__manifest__.py"):
        print(os.path.basename(os.path.dirname(manifest)))
"""


#: A requirement by which pip brings a module: `odoo-addon-queue-job==…`, or the address of such a wheel.
WHEEL = re.compile(r"(?im)^\s*odoo\d*[-_.]addon[-_.]([a-z0-9][\w.-]*)|/odoo\d*_addon_(\w+?)-[^/\s]*\.whl")


def modules_of_wheels(requirements):
    """Names of the modules that lines of a requirements.txt bring, by the names of OCA's packages."""
    return {re.sub("[-.]", "_", first or second) for first, second in WHEEL.findall(requirements)}


def brings_more(requirements):
    """Whether a line names a package by its place, such as a wheel of one's own: it may bring any module."""
    lines = (line.strip() for line in requirements.splitlines())
    return any(("://" in line or ".whl" in line) and not line.startswith(("#", "--", "-i", "-f"))
               and not WHEEL.search(line) for line in lines)


#: A name or a token before the host of an address; pip reads `${NAME}` from the environment.
LOGIN = re.compile(r"(?i)https?://(?!\$\{)[^/\s@#]+@")


def with_login(requirements):
    """Lines of a requirements.txt that hold a login, from 1 on."""
    return [number for number, line in enumerate(requirements.splitlines(), 1)
            if not line.lstrip().startswith("#") and LOGIN.search(line)]


#: Editors put it at a text's beginning, where few programs expect it.
BOM = "\ufeff"


class UsageError(Exception):
    """The check cannot be made at all; nothing is said about the addons."""


def listing(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def folder_of_modules(path, depth=3):
    """The folder of modules at or nearest below `path`; None if there is none."""
    folders = [path]
    for _ in range(depth):
        for folder in folders:
            if any(os.path.isfile(os.path.join(folder, name, "__manifest__.py")) for name in listing(folder)):
                return folder
        folders = [inner for folder in folders for name in sorted(listing(folder))
                   if not name.startswith(".") and os.path.isdir(inner := os.path.join(folder, name))
                   and not os.path.islink(inner)]
    return None


def leaves(path, directory):
    real = os.path.realpath(path)
    return not os.path.exists(real) or os.path.commonpath([real,
                                                           os.path.realpath(directory)]) != os.path.realpath(directory)


def is_file_inside(root, name):
    path = os.path.normpath(os.path.join(root, name))
    return "\0" not in name and path.startswith(root + os.sep) and os.path.isfile(path)


def read(path, limit=64 << 20):
    """The bytes of a regular file, or a text that says why not: a FIFO would block, a huge file exhaust memory."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return "is no regular file" if status.st_size <= limit else f"is larger than {limit >> 20} MB"
        return Path(path).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def parsed(data):
    """The syntax tree of a Python file's bytes; None without one."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return ast.parse(data)
    return None


def problem(path, data):
    """(line, message) of what Python, the XML parser or Odoo's CSV reader would trip over; (None, None) if nothing.
    Data as `read` gives it.
    """
    if isinstance(data, str):
        return None, data
    try:
        kind = os.path.splitext(path)[1].lower()
        if kind == ".py":
            compile(data, path, "exec", dont_inherit=True)
        elif kind == ".csv":
            text = data.decode("utf-8")
            if not text:
                return None, "is empty: Odoo wants the names of the columns"
            if text.startswith(BOM):
                return 1, "begins with a byte order mark (BOM), which Odoo takes for a part of the first column's name"
        elif kind == ".xml":
            parser = expat.ParserCreate()
            parser.EntityDeclHandler = stop_at_entity
            parser.Parse(data, True)
    except SyntaxError as error:
        return error.lineno, f"is not valid for Python {version_of(sys.version_info)}: {error.msg}"
    except expat.ExpatError as error:
        # Odoo's own parser knows more of them.
        unknown = error.code == expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]
        return (None, None) if unknown else (error.lineno, f"is not well-formed XML: {expat.ErrorString(error.code)}")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1, "is not UTF-8 text"
    except (Entity, LookupError):
        return None, None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, f"cannot be parsed: {str(error)[:120] or 'nested too deeply'}"
    return None, None


class Entity(Exception):
    """A declared entity may expand without limit: what comes after it is not looked at."""


def stop_at_entity(*_):
    raise Entity


def version_of(info):
    return ".".join(map(str, info[:2]))


COMPILE = """
import json, sys
answers = []
for path, text in json.load(sys.stdin):
    try:
        compile(text.encode("latin-1"), path, "exec", dont_inherit=True)
        answers.append(None)
    except SyntaxError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        answers.append([error.lineno, f"is not valid for Python {version}: {error.msg}"])
    except Exception as error:
        answers.append([None, f"cannot be parsed: {str(error)[:120]}"])
print(json.dumps(answers))
"""


def judged_by(image, paths):
    """{path: (line, message) or None}, as the Python of `image` says; None where nobody can ask it: nothing is pulled.
    """
    texts = [(path, data.decode("latin-1")) for path in paths if isinstance(data := read(path), bytes)]
    try:
        if subprocess.run(["docker", "image", "inspect", "--", image], capture_output=True, timeout=60).returncode:
            return None
        done = subprocess.run(["docker", "run", "--rm", "-i", *READER, "--entrypoint", "python3", "--", image, "-I",
                               "-c", COMPILE],
                              input=json.dumps(texts), capture_output=True, text=True, timeout=PULL_AND_LIST_SECONDS)
        return dict(zip([path for path, _ in texts], json.loads(done.stdout)))
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def cycles(modules):
    """Each dependency cycle once, from its first name; iterative, since a chain may be longer than Python's stack."""
    edges = {name: {dep for dep in module.depends if dep in modules} for name, module in modules.items()}
    found = []
    while True:
        # What depends on nothing that is left cannot be part of a cycle.
        while free := {name for name, targets in edges.items() if not targets}:
            edges = {name: targets - free for name, targets in edges.items() if name not in free}
        if not edges:
            return found
        trail = [min(edges)]
        while (following := min(edges[trail[-1]])) not in trail:
            trail.append(following)
        cycle = trail[trail.index(following):]
        first = cycle.index(min(cycle))
        found.append(cycle[first:] + cycle[:first])
        edges[cycle[-1]].discard(cycle[0])


def base_modules(base):
    """Names of the modules that Odoo itself brings, from directories, from an image's own list (core-modules.json), or
    from an image; the image runs without network.
    """
    if base.endswith(".json") and os.path.isfile(base):
        return set(json.loads(Path(base).read_text(encoding="utf-8")))
    directories = base.split(os.pathsep)
    # All of them: a checkout may well have a folder `odoo` when the base is the image odoo:18.0.
    if os.path.isabs(base) or base.startswith(".") or all(map(os.path.isdir, directories)):
        missing = [directory for directory in directories if not os.path.isdir(directory)]
        if missing:
            raise UsageError(f"--base: {', '.join(missing)} is no directory")
        return {name for path in directories for name in listing(path)
                if os.path.isfile(os.path.join(path, name, "__manifest__.py"))}
    command = ["docker", "run", "--rm", *READER, "--entrypoint", "python3", "--", base, "-c", LIST_MODULES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PULL_AND_LIST_SECONDS,
                              stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise UsageError("TOOL_MISSING: --base names an image, and there is no docker command; install Docker or name "
                         "the directory of Odoo's addons") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"--base: listing the modules of {base} took longer than {PULL_AND_LIST_SECONDS} s") from None
    if done.returncode != 0 or not done.stdout.split():
        raise UsageError(f"--base: the modules of {base} cannot be listed: "
                         f"{done.stderr.strip()[-500:] or 'it has none'}")
    return set(done.stdout.split())
