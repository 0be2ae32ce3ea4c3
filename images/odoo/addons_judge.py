"""Judges directories of addons: collects their modules and what is wrong with them, then judges the modules together.
"""

import os

import addons_manifest as manifest
import addons_reads as reads
from addons_data import schema_problem
from addons_facts import Files
from addons_files import (
    brings_more, cycles, folder_of_modules, judged_by, leaves, modules_of_wheels, read, with_login,
)
from addons_module import MODULE_NAME, Module

NO_MODULES = {"__pycache__", "doc", "docs", "node_modules", "setup"}


class Check:
    """Collects modules and findings over all directories, then judges the modules together."""

    def __init__(self, series, base, enterprise, python=None, directories=(), optional=(), packages="",
                 in_image=False, elsewhere=False, cache=None):
        self.series, self.base, self.enterprise = series, base, enterprise - (base or set())
        # The image whose Python has the last word, if it is not this one.
        self.python = python
        # Whether this Python is the one that Odoo is going to have, with all its packages.
        self.in_image = in_image
        # Whether a module that is in none of the directories may still be there.
        self.elsewhere = elsewhere
        self.named, self.optional = {*directories, *optional}, set(optional)
        self.modules, self.findings = {}, []
        #: What single files say.
        self.contents = Files(cache)
        #: [(name, path)] of modules that have the name of an earlier one.
        self.doubles = []
        #: Modules that pip is going to bring.
        self.wheels = modules_of_wheels(packages)

    def add(self, code, module, path, line, message, remedy, severity="error"):
        self.findings.append({
            "code": code, "severity": severity, "module": module, "path": path, "line": line, "message": message,
            "remedy": remedy,
        })

    def invalid(self, module, path, line, message, remedy, severity="error"):
        self.add("ADDON_INVALID", module, path, line, message, remedy, severity)

    def directory(self, directory):
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError as error:
            return self.invalid(None, directory, None, f"the directory cannot be read: {error.strerror}",
                                "name an existing directory of addons")
        if any(entry.name == "__manifest__.py" for entry in entries):
            return self.invalid(None, directory, None, "is a module, not a directory of modules",
                                "name the directory that contains it")
        before = len(self.modules), len(self.doubles), len(self.findings)
        self.requirements(directory)
        for entry in entries:
            if entry.is_symlink() and leaves(entry.path, directory):
                self.invalid(entry.name, entry.path, None, "is a symbolic link that leaves the directory",
                             "copy the target here, since a build sees only this directory; or name the repository "
                             "itself in image:ocaAddons: of it only what is needed has to be right")
            elif entry.is_dir() and not entry.name.startswith("."):
                self.folder(directory, entry)
        if before == (len(self.modules), len(self.doubles), len(self.findings)):
            self.invalid(None, directory, None, "contains no module", "put a module there or leave the directory out",
                         "warning")
        return None

    def requirements(self, folder, module=None):
        path = os.path.join(folder, "requirements.txt")
        data = read(path, 1 << 20)
        if not isinstance(data, bytes):
            return
        text = data.decode("utf-8", "replace")
        self.wheels |= modules_of_wheels(text)
        # In the image they are there: what Odoo finds is known.
        self.elsewhere |= brings_more(text) and not self.in_image
        for line in with_login(text):
            self.invalid(module, path, line, "has a login in an address: all who have the project, and of a module's "
                         "file all who have the image, can read it", "make that login invalid, and take the package "
                         "from where none is needed; a private module: as a Git submodule", "warning")

    def folder(self, directory, entry):
        name, path = entry.name, os.path.normpath(entry.path)
        if not os.path.lexists(os.path.join(path, "__manifest__.py")):
            if os.path.isfile(os.path.join(path, "__openerp__.py")):
                read = float(self.series) < 19 and directory not in self.optional
                self.invalid(name, path, None, "has its manifest in __openerp__.py, as Odoo 9 had, and would be left "
                             "out", "rename that file to __manifest__.py", "error" if read else "warning")
            elif name not in NO_MODULES and path not in self.named:
                below = folder_of_modules(path)
                self.invalid(name, path, None,
                             "is no module, and Odoo does not look into it: it has no __manifest__.py",
                             "add the manifest or move the folder away" if below is None else
                             f"name {'this folder' if below == path else below} as an addons directory of its own",
                             "warning")
            return
        if not MODULE_NAME.fullmatch(name):
            self.invalid(name, path, None, "Odoo ignores a module of this name",
                         "use letters, digits and underscores only")
        elif name in self.modules:
            self.doubles.append((name, path))
            return
        elif self.base and name in self.base:
            self.invalid(name, path, None, "hides the module of the same name that the base contains",
                         "rename it, unless that is meant", "warning")
        # A module whose manifest is broken still counts as present: one mistake, one finding.
        module = self.modules[name] = Module(name, path)
        try:
            content, module.lines = reads.manifest(module.manifest)
            manifest.judge(self, module, content)
        except reads.Unreadable as problem:
            self.invalid(module.name, module.manifest, problem.line, problem.message, problem.remedy)
        if module.installable:
            self.requirements(path, name)
            self.files(module, directory)

    def files(self, module, directory):
        for folder, children, names in os.walk(module.path):
            children[:] = sorted(child for child in children if child not in {"__pycache__", "node_modules"}
                                 and not child.startswith("."))
            for name in sorted(children + names):
                path = os.path.join(folder, name)
                if os.path.islink(path) and leaves(path, directory):
                    self.invalid(module.name, path, None,
                                 "is a symbolic link that leaves the addons directory, or leads nowhere",
                                 "copy the target here")
        sources = reads.imported(module.path, self.contents.facts)
        module.read += [(path, "error") for path in sources]
        for path, line, name in reads.unresolved(module.path, sources, self.contents.facts):
            self.invalid(module.name, path, line, f"imports {name}, which the module does not have",
                         "add the file, which Git may ignore, or remove the import")
        # They run when an older version is upgraded, not when the module is installed.
        module.read += [(path, "warning") for path in reads.migrations(module.path, self.series)]

    def sources(self):
        """What Odoo reads, as it reads it."""
        doubtful = []
        for module in self.modules.values():
            for path, severity in dict(reversed(module.read)).items() if module.installable else ():
                if os.path.islink(path) and not os.path.exists(path):
                    continue
                line, message = self.contents.facts(path).fault
                if message is None and self.in_image and path.lower().endswith(".xml"):
                    line, message = schema_problem(read(path))
                if message and path.endswith(".py") and self.python:
                    doubtful.append((module, path, severity, line, message))
                elif message:
                    self.invalid(module.name, path, line, message, "correct the file", severity)
        answers = judged_by(self.python, [path for _, path, *_ in doubtful]) if doubtful else {}
        for module, path, severity, line, message in doubtful:
            if answers is None:
                self.invalid(module.name, path, line, f"{message}; whether the image's is another, the build says",
                             "correct the file, unless it is written for a newer Python", "warning")
            elif verdict := answers.get(path, (line, message)):
                self.invalid(module.name, path, *verdict, "correct the file", severity)

    def judge(self, required):
        """What can be said only when all modules are known."""
        required = sorted(set(required))
        self.sources()
        for module in self.modules.values():
            self.licence(module)
            if module.installable:
                self.dependencies(module)
                for what in reads.lacking(module.external, self.series) if self.in_image else ():
                    self.add("MISSING_ADDONS", module.name, module.manifest, module.lines.get("external_dependencies"),
                             f"needs {what}, which the image lacks",
                             "add it: requirements.txt or image:pythonPackages for a Python package, "
                             "image:systemPackages for a program")
        for names in cycles(self.modules):
            module = self.modules[names[0]]
            self.invalid(module.name, module.manifest, module.lines.get("depends"),
                         f"depends on itself: {' → '.join(names + names[:1])}", "remove one of these dependencies")
        for name in required:
            if name in self.modules or name in self.wheels or (self.base and name in self.base):
                continue
            if name in self.enterprise:
                self.add("ENTERPRISE_MODULE", name, "--require", None,
                         f"{name} is required and belongs to Odoo Enterprise",
                         "take it off the list: only Community is supported",
                         "warning" if self.elsewhere else "error")
            else:
                self.absent(name, "--require", None, f"{name} is required", [name])
        self.leave_out({name for name in required if name in self.modules})

    def leave_out(self, required):
        """Marks what nobody needs and what has errors, and takes what was found there for less."""
        def of(module):
            return os.path.dirname(module.path)
        waiting = [*required, *(name for name, module in self.modules.items() if of(module) not in self.optional)]
        needed = set()
        while waiting:
            name = waiting.pop()
            if name in self.modules and name not in needed:
                needed.add(name)
                waiting += self.modules[name].depends
        used = {of(self.modules[name]) for name in needed}
        kept = []
        for finding in self.findings:
            module = self.modules.get(finding["module"])
            if module is None or module.name in needed or of(module) not in self.optional:
                kept.append(finding)
                continue
            module.left_out |= finding["severity"] == "error"
            if of(module) not in used:
                kept.append({**finding, "severity": "warning"})
        self.findings = kept
        for name, path in self.doubles:
            self.double(path, self.modules[name], name in needed)

    def double(self, path, first, needed):
        """As Odoo does, the image takes the first one."""
        ours = os.path.dirname(first.path) not in self.optional
        if os.path.dirname(path) in self.optional and (ours or not needed):
            self.invalid(first.name, path, None, f"is left out: {first.path} has the same name",
                         "nothing, if that one is meant", "warning")
        else:
            self.invalid(first.name, path, None, f"the module exists twice, also as {first.path}",
                         "keep one of the two")

    def licence(self, module):
        remedy = "remove it, or replace it by a Community module: Enterprise code may not be shipped"
        if module.license == "OEEL-1":
            line = module.lines.get("license")
            self.add("ENTERPRISE_MODULE", module.name, module.manifest, line,
                     "has the license OEEL-1 of Odoo Enterprise", remedy)
        elif module.name in self.enterprise:
            self.add("ENTERPRISE_MODULE", module.name, module.path, None, "has the name of a module of Odoo Enterprise",
                     "rename it if it is your own; else remove it", "warning")

    def dependencies(self, module):
        unknown = []
        for name in module.depends:
            line = module.lines.get(("depends", name))
            if name in self.wheels:
                continue
            if name in self.modules:
                if not self.modules[name].installable:
                    self.add("MISSING_ADDONS", module.name, module.manifest, line,
                             f"depends on {name}, which is not installable", "port that module or drop the dependency")
            elif name in self.enterprise:
                message = f"depends on {name}, a module of Odoo Enterprise"
                self.add("ENTERPRISE_MODULE", module.name, module.manifest, line, message,
                         "replace the dependency by a Community module", "warning" if self.elsewhere else "error")
            elif name not in (self.base or {"base"}):
                unknown.append(name)
        if self.base is None and unknown:
            self.absent(module.name, module.manifest, module.lines.get("depends"), f"depends on {', '.join(unknown)}",
                        unknown)
        for name in unknown if self.base is not None else []:
            self.absent(module.name, module.manifest, module.lines.get(("depends", name)), f"depends on {name}", [name])

    def absent(self, module, path, line, message, names):
        which = "which is" if len(names) == 1 else "which are"
        if self.base is None or self.elsewhere:
            self.add("MISSING_ADDONS", module, path, line, f"{message}, {which} not in the given directories",
                     "the check in the build sees all of them" if self.elsewhere
                     else "`--base` tells whether Odoo itself has it", "warning")
        else:
            self.add("MISSING_ADDONS", module, path, line, f"{message}, {which} nowhere",
                     "add the module to an addons directory, or correct the name")
