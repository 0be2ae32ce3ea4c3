"""What Odoo reads and looks for of a module, so that only that is judged: a script in `tools/` may be of any Python."""

import ast
import importlib.machinery
import importlib.metadata
import os
import re
import shutil
import sys

from addons_files import BOM, read

#: What Odoo takes as a folder of `migrations`; without a series in front it counts for each.
VERSION = re.compile(r"(?P<series>\d+\.(?:\d|saas~\d+)+\.)?\d+(?:\.\d+)+|0\.0\.0")
STAGES = ("pre-", "post-", "end-")


class Unreadable(Exception):
    """A manifest that Odoo cannot read: what a person is told of it."""

    def __init__(self, message, line=None, remedy="write one plain Python dict, as Odoo reads it"):
        super().__init__(message)
        self.message, self.line, self.remedy = message, line, remedy


def manifest(path):
    """The manifest's dict, and the line of each key and of each text in a list.

    Raises Unreadable.
    """
    data = read(path, 1 << 20)
    if isinstance(data, str):
        raise Unreadable(data)
    try:
        text = data.decode("utf-8")
        if text.startswith(BOM):
            raise Unreadable("the manifest begins with a byte order mark (BOM)", 1, "save it as UTF-8 without BOM")
        tree = ast.parse(text.lstrip(" \t"), mode="eval").body
        content = ast.literal_eval(tree)
    except SyntaxError as error:
        raise Unreadable(f"the manifest is not valid Python: {error.msg}", error.lineno) from None
    except UnicodeDecodeError:
        raise Unreadable("the manifest is not UTF-8 text", remedy="save it as UTF-8") from None
    except (ValueError, TypeError, RecursionError, MemoryError, OverflowError) as error:
        raise Unreadable(f"the manifest is no plain literal: {str(error)[:120] or 'nested too deeply'}") from None
    if not isinstance(content, dict):
        raise Unreadable(f"the manifest is a {type(content).__name__}, not a dict", 1)
    lines = {}
    for key, value in zip(tree.keys, tree.values):
        lines[getattr(key, "value", None)] = key.lineno
        for item in getattr(value, "elts", []):
            lines[getattr(key, "value", None), getattr(item, "value", None)] = item.lineno
    return content, lines


def imported(root, facts):
    """[path of a Python file that Odoo runs when it loads the module], the first one first.

    Followed are imports that are reached whatever happens: those in a function, behind an `if` or in a `try` may never
    be. `facts`: what the file of a path says (addons_facts.py).
    """
    package = f"odoo.addons.{os.path.basename(root)}"
    waiting, found = [os.path.join(root, "__init__.py")], []
    while waiting:
        path = waiting.pop(0)
        if path in found or not os.path.lexists(path):
            continue
        found.append(path)
        for statement in facts(path).imports:
            for parts in targets(statement, root, path, package):
                waiting += files(root, parts)
    return found


def targets(statement, root, path, package):
    """[[name, …] below the module's folder] that an import statement may name."""
    _, level, module, aliases = statement
    if level is None:
        return [below(name, package) for name in aliases if below(name, package)]
    names = module.split(".") if module else []
    if level:
        here = os.path.relpath(os.path.dirname(path), root)
        here = [] if here == os.curdir else here.split(os.sep)
        up = level - 1
        if up > len(here):
            return []
        base = here[:len(here) - up] + names
    else:
        base = below(module or "", package)
        if base is None:
            return []
    return [base, *(base + [name] for name in aliases if name != "*")]


def below(name, package):
    """The parts of a dotted name within the module; None outside."""
    if name != package and not name.startswith(f"{package}."):
        return None
    return name[len(package):].strip(".").split(".") if name != package else []


def files(root, parts):
    """What Python runs for a dotted name: each package on the way, and the file itself."""
    found, folder = [], root
    for part in parts:
        inner = os.path.join(folder, part)
        if os.path.isdir(inner):
            found.append(os.path.join(inner, "__init__.py"))
        elif os.path.lexists(f"{inner}.py"):
            return [*found, f"{inner}.py"]
        else:
            return found
        folder = inner
    return found


def unresolved(root, paths, facts):
    """[(path, line, name)] of imports in `paths` that name what the module does not have: they fail for certain.

    Names are looked for in packages alone; what a single file has may be made in many ways.
    """
    package = f"odoo.addons.{os.path.basename(root)}"
    found = []
    for path in paths:
        for statement in facts(path).imports:
            missing = [parts for parts in targets(statement, root, path, package) if not resolves(root, parts, facts)]
            # Where the package is missing, so is what would come from it.
            found += [(path, statement[0], ".".join(parts)) for parts in missing if parts[:-1] not in missing]
    return found


def resolves(root, parts, facts):
    folder = root
    for index, part in enumerate(parts):
        inner = os.path.join(folder, part)
        if os.path.isdir(inner):
            folder = inner
        elif any(name.startswith(f"{part}.") for name in entries(folder)):
            return True
        else:
            return index == len(parts) - 1 and may_have(os.path.join(folder, "__init__.py"), part, facts)
    return True


#: What makes a package's names as only Python knows.
UNKNOWN_NAMES = {"*", "__getattr__", "globals", "vars", "setattr", "modules", "exec"}


def may_have(path, name, facts):
    """Whether a package has this name by what its `__init__.py` says."""
    if not os.path.lexists(path):
        return False
    names = facts(path).names
    return names is None or bool(names & {name, *UNKNOWN_NAMES})


def migrations(root, series):
    """Scripts that Odoo runs when it upgrades the module from an older version of the series."""
    found = []
    for place in ("migrations", "upgrades"):
        for version in entries(os.path.join(root, place)):
            match = VERSION.fullmatch(version)
            if match and (match["series"] or f"{series}.") == f"{series}.":
                folder = os.path.join(root, place, version)
                found += [os.path.join(folder, name) for name in entries(folder)
                          if name.startswith(STAGES) and name.endswith(".py")]
    return found


def entries(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def lacking(dependencies, series):
    """[what] of a manifest's `external_dependencies` this Python and this PATH lack, as Odoo looks for them when it
    installs the module. Nothing is imported.
    """
    python, programs = (names if are_texts(names := dependencies.get(key, [])) else () for key in ("python", "bin"))
    found = [text for text in (lacking_package(text, series) for text in python) if text]
    return found + [f"the program {name}" for name in programs if shutil.which(name) is None]


def are_texts(values):
    return isinstance(values, (list, tuple, set)) and all(isinstance(value, str) for value in values)


def lacking_package(text, series):
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        # As Odoo, which understands no more than a name then.
        name, specifier = text, None
    else:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return f"{text!r}, which is no requirement"
        if requirement.marker and not requirement.marker.evaluate():
            return None
        name, specifier = requirement.name, requirement.specifier
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # The name of what is imported, in place of the package's.
        return None if can_be_imported(text) else f"the Python package {text}"
    # Of versions before a release Odoo 19 takes only those that are asked for.
    if specifier and not specifier.contains(version, prereleases=True if float(series) < 19 else None):
        return f"the Python package {text}: there is {version}"
    return None


def can_be_imported(name):
    """Whether there is a module of this dotted name."""
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        return False
    path, whole = None, ""
    for part in name.split("."):
        whole = f"{whole}.{part}" if whole else part
        # The finder of a part's package is asked: importlib.util would import the package.
        finders = sys.meta_path if path is None else [importlib.machinery.PathFinder]
        found = next((spec for finder in finders if (spec := finder.find_spec(whole, path))), None)
        if found is None:
            return False
        path = found.submodule_search_locations or []
    return True
