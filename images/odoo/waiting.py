"""Odoo while its database does not let it in: its code is loaded meanwhile, so that users wait for its start no longer
than they must. A release starts its server so, behind the closed door.

Nothing of a module of the release runs before the release marker allows it: what is loaded is Odoo itself.

    waiting.py [words of Odoo's command line]
"""

import importlib
import os
import shutil
import signal
import sys
from pathlib import Path

#: Modules of Odoo that every database has.
OWN = ("base", "web")
HERE = os.path.dirname(os.path.realpath(__file__))


def load(places):
    """What every start of Odoo's server loads: its own code. `places`: where the modules of the release are."""
    importlib.import_module("odoo.service.server")
    for name in OWN:
        # One that has the same name would come in its place.
        if not any(os.path.exists(os.path.join(place, name)) for place in places):
            importlib.import_module(f"odoo.addons.{name}")


def leave_nothing():
    """Of this folder's modules, whose names are nobody else's business."""
    sys.path[:] = [place for place in sys.path if place != HERE]
    for name, module in list(sys.modules.items()):
        if name != "__main__" and os.path.dirname(getattr(module, "__file__", None) or "") == HERE:
            del sys.modules[name]


def main(words):
    sys.path.insert(0, HERE)
    import configuration
    import entrypoint

    # Odoo names itself by its first word when it starts anew, and for live messages.
    sys.argv[:] = [shutil.which("odoo"), *words]
    options = configuration.from_file(Path(os.environ["ODOO_RC"]))["options"]
    target = entrypoint.connection_target(options)
    load(options["addons_path"].split(","))
    try:
        entrypoint.wait_for_postgresql(target, entrypoint.wait_seconds(os.environ))
        entrypoint.check_release(target, words, options, os.environ)
    except configuration.Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.status
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    leave_nothing()
    return importlib.import_module("odoo.cli").main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
