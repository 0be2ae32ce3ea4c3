"""What a release is going to do to the database, decided by reading alone."""

import words
from failures import Failure
from ledger import digest_of, live


class Plan:
    """`mode`: install (no database yet), maintenance (closed while modules are upgraded) or rolling (serves
    throughout).
    """

    def __init__(self, mode, upgrade=(), install=(), applied=None, accepted=None, warnings=()):
        self.mode = mode
        self.upgrade = sorted(upgrade)
        self.install = sorted(install)
        #: {installed module: content hash} once the release is live
        self.applied = applied or {}
        #: {installed module: [content hashes]} that may run on the database afterwards
        self.accepted = accepted or {}
        self.warnings = list(warnings)
        #: Whether the image was live on these data before, as they are or as a point has kept them: a rollback.
        self.served = False
        #: Modules of the image that the database does not know yet, not even as ones that could be installed.
        self.unlisted = []
        #: Extensions of PostgreSQL that the database lacks, and Odoo's role may make.
        self.extensions = []

    @property
    def changes_modules(self):
        return bool(self.upgrade or self.install)

    def describe(self):
        if self.mode == "install":
            return f"first install of {', '.join(self.install)}"
        parts = [f"{word} {', '.join(names)}" for word, names in (("upgrades", self.upgrade),
                                                                  ("installs", self.install)) if names]
        return f"{self.mode}: {'; '.join(parts) or 'no module changes'}"


def plan_release(request, image, installed, marker):
    """`image`: {"series", "modules"} of the new image; `installed`: {module: version} of the database, None if there is
    none; `marker`: of the database.
    """
    baked = image["modules"]
    wanted = request["modules"]
    absent = sorted(set(wanted) - set(baked))
    if absent:
        raise missing(absent, "odoo:modules names them")
    if installed is None:
        names = ["base", *wanted]
        return Plan("install", install=names)
    refuse_series(image["series"], installed)
    absent = sorted(set(installed) - set(baked))
    if absent:
        raise missing(absent, "they are installed in the database")
    known = marker["modules"] if marker else {}
    refuse_downgrade({name: version for name, version in installed.items()
                      if baked[name]["hash"] not in known.get(name, [])}, baked)
    upgrade = [name for name in installed if baked[name]["hash"] not in known.get(name, [])]
    install = [name for name in wanted if name not in installed]
    if marker and upgrade:
        refuse_older_code(request, upgrade)
    without = "the database has no marker of an earlier release: every installed module is upgraded"
    warnings = [] if marker else [without]
    if not upgrade and not install:
        mode = "rolling"
    else:
        mode = "rolling" if request["release"]["additive"] and marker else "maintenance"
    plan = Plan(mode, upgrade, install, warnings=warnings)
    plan.served = not plan.changes_modules and was_left(request)
    return plan


def plan_restore(request, point):
    """The data of a restore point take the place of those that users have."""
    plan = Plan("maintenance")
    plan.served = request["image"] == point["image"]
    return plan


def applied(image, installed):
    """{module: hash} of what is installed, as this image has it."""
    return {name: image["modules"][name]["hash"] for name in installed}


def accepted(now, before, additive):
    """What may run on the database afterwards: this release, and after an additive one its predecessors too."""
    result = {name: [value] for name, value in now.items()}
    if additive:
        for name, values in before.items():
            result.setdefault(name, [])
            result[name] += [value for value in values if value not in result[name]]
    # A module that only the new release has installed must not keep the older code from starting.
    return {name: values for name, values in result.items() if not additive or name in before}


def missing(names, why):
    return Failure("MISSING_ADDONS", "the image lacks modules that the database needs",
                   found=f"{', '.join(names)}: not in the image; {why}",
                   expected="every installed module in the image",
                   remedy="put the module into addons/ again and release again, or uninstall it in Odoo first")


def refuse_series(series, installed):
    base = installed.get("base", "")
    if not base.startswith(f"{series}."):
        raise Failure("SERIES_MISMATCH", "the image has another Odoo series than the database",
                      found=f"image {series}, database {base}",
                      expected="the same series",
                      remedy="a new series needs a migration of the database, which a release does not do")


def refuse_downgrade(installed, baked):
    lower = [f"{name} {version} -> {baked[name]['version']}" for name, version in sorted(installed.items())
             if version and number(baked[name]["version"]) < number(version)]
    if lower:
        raise Failure("MODULE_DOWNGRADE", "the image has older modules than the database", found="; ".join(lower),
                      expected="versions that stay or rise: Odoo would drop the newer columns with their data",
                      remedy="raise the version in __manifest__.py; to roll back to an earlier release: "
                             f"{words.HERE['back']}")


def number(version):
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))


def refuse_older_code(request, upgrade):
    """An update with older code is no rollback, and looks like any other change: the lineage of the data knows."""
    if was_left(request):
        raise Failure("RELEASE_MISMATCH", "this release was left for a newer one, whose modules the database has",
                      found=f"{request['image']} would change {', '.join(sorted(upgrade))} back",
                      expected="a release that the database can go on with",
                      remedy=f"{words.HERE['back']}. If its code is to go on with today's data, raise the modules' "
                             "versions: that makes it a new release")


def was_left(request):
    """Whether these data were the image's before they became those of a newer release."""
    current = live()
    return bool(current) and digest_of(request["image"]) in current["lineage"][:-1]
