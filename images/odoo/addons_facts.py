"""What single files of modules say, by their content: each is read once, and what was fine once is not parsed again.

Kept from run to run is only that nothing is wrong with a file, and what it imports. A fault is looked for anew each
time, and so is all that depends on more than one file's content. What is kept proves nothing to anybody else: the check
inside the image build keeps nothing.
"""

import ast
import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from addons_files import parsed, problem, read

#: Kinds that are parsed; of all others it counts that they can be read.
KINDS = (".py", ".xml", ".csv")
NOTHING = (None, None)
#: Of so many versions of the check, or of Python, the folder keeps what was fine.
KEPT_FILES = 4


@dataclass(frozen=True)
class Facts:
    #: (line, message) of what is wrong; :data:`NOTHING`.
    fault: tuple = NOTHING
    #: [[line, level, module, names]] of import statements that are reached whatever happens. `import names` has neither
    #: level nor module.
    imports: tuple = ()
    #: Names that a package's `__init__.py` may have; None where nobody can tell.
    names: frozenset | None = None


class Files:
    """Facts of files by their paths.

    `folder`: where to keep what was fine; without one, each file is parsed.
    """

    def __init__(self, folder=None):
        self.file = folder and Path(folder, f"{version()}.json")
        self.kept = load(self.file) if self.file else {}
        self.seen, self.fine = {}, {}

    def facts(self, path):
        if path not in self.seen:
            self.seen[path] = self.look(path, read(path))
        return self.seen[path]

    def look(self, path, data):
        kind = os.path.splitext(path)[1].lower()
        if isinstance(data, str) or kind not in KINDS:
            return Facts(problem(path, data))
        # What a package has is asked of this one alone.
        kind = "__init__.py" if os.path.basename(path) == "__init__.py" else kind
        key = hashlib.sha256(f"{kind}\0".encode() + data).hexdigest()
        if self.file and key in self.kept:
            imports, names = self.fine[key] = self.kept[key]
            return Facts(NOTHING, imports, names if names is None else frozenset(names))
        found, whole = fresh(path, data, kind)
        if whole and found.fault == NOTHING:
            self.fine[key] = found.imports, found.names if found.names is None else sorted(found.names)
        return found

    def keep(self):
        """Writes what was fine in this run, and nothing else: what is gone from the tree goes, too."""
        if not self.file or self.fine.keys() == self.kept.keys():
            return
        text = json.dumps(self.fine)
        partial = self.file.with_suffix(f".{os.getpid()}.partial")
        # A folder that cannot be written to makes the next run slower, and no verdict another.
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(f"{checksum(text)}\n{text}", encoding="utf-8")
            os.replace(partial, self.file)
            others = sorted(self.file.parent.glob("*"), key=lambda path: path.stat().st_mtime)
            for path in others[:-KEPT_FILES]:
                path.unlink(missing_ok=True)


def fresh(path, data, kind):
    """(facts, whether they are whole): a file may be too deep to be taken apart, which another run may do."""
    fault = problem(path, data)
    if not kind.endswith(".py"):
        return Facts(fault), True
    tree = parsed(data)
    if tree is None:
        return Facts(fault), False
    imports = [statement(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return Facts(fault, imports, names_in(tree) if kind == "__init__.py" else None), True


def statement(node):
    names = [alias.name for alias in node.names]
    return [node.lineno, None, None, names] if isinstance(node, ast.Import) else \
        [node.lineno, node.level, node.module, names]


def names_in(tree):
    """Every name that stands in a package's text, but for those that it only looks for."""
    nodes = list(ast.walk(tree))
    # `from . import name` does not make the name that it looks for.
    looked_for = [alias for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 1 and not node.module
                  for alias in node.names if alias.name != "*" and alias.asname is None]
    names = set()
    for node in nodes:
        if isinstance(node, ast.alias):
            names |= set() if node in looked_for else {node.asname or node.name.split(".")[0]}
        else:
            names |= {getattr(node, key, None) for key in ("id", "name", "attr", "rest")}
    return frozenset(name for name in names if isinstance(name, str))


def version():
    """Names this check and this Python: another one may judge the same content in another way."""
    sources = sorted(Path(__file__).resolve().parent.glob("addons_*.py"))
    texts = [sys.version.encode(), expat.EXPAT_VERSION.encode(), *(path.read_bytes() for path in sources)]
    return hashlib.sha256(b"".join(hashlib.sha256(text).digest() for text in texts)).hexdigest()[:24]


def load(file):
    """{key: (imports, names)}; empty where nothing is kept, or what is kept is damaged."""
    try:
        first, _, text = file.read_text(encoding="utf-8").partition("\n")
        return json.loads(text) if first == checksum(text) else {}
    except (OSError, ValueError):
        return {}


def checksum(text):
    return hashlib.sha256(text.encode()).hexdigest()
