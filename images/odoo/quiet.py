"""Odoo's command line for a program of a release: no module begins to work by itself as it is loaded.

A job runner that a module starts when it is imported, in its post_load or in a model's _register_hook would work on the
data of a release that is not committed, and without a way out. Its thread, or its process (multiprocessing), starts and
ends at once, having done nothing. A pool's threads (concurrent.futures) run: whoever has one waits for its results. So
do those that a migration or a page starts, and whatever a module starts by other means: a module is trusted here, and
this is no prison.

    quiet.py [words of Odoo's command line]
"""

import multiprocessing.process
import os
import sys
import threading

#: What Odoo does with a module that it loads, and with a model whose registry is complete.
LOADING = ("load_openerp_module", "_register_hook")
#: Modules whose threads or processes were held.
held = set()


def nothing():
    """What a thread that is held does."""


def begin():
    for kind in (threading.Thread, multiprocessing.process.BaseProcess):
        kind.start = holding(kind.start)


def holding(start):
    def start_unless_loading(self, *args, **kwargs):
        caller = sys._getframe(1)
        pool = caller.f_globals.get("__name__", "").startswith("concurrent.futures")
        if not pool and (module := loading(caller)):
            if module not in held:
                print(f"the module {module} starts {type(self).__name__} as it is loaded: it does nothing in a program "
                      "of a release", file=sys.stderr, flush=True)
            held.add(module)
            self.run = nothing
        return start(self, *args, **kwargs)
    return start_unless_loading


def loading(frame):
    """The module that is being loaded in this frame or in one that called it, or None: the one nearest to it."""
    while frame is not None:
        if frame.f_code.co_name in LOADING:
            return frame.f_locals.get("module_name") or module_of(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return None


def module_of(name):
    return name.removeprefix("odoo.addons.").partition(".")[0] if name.startswith("odoo.addons.") else None


def main():
    # Odoo starts this file anew for live messages, and then this folder is in the way of its imports.
    sys.path[:] = [place for place in sys.path if place != os.path.dirname(os.path.realpath(__file__))]
    begin()
    import odoo.cli

    odoo.cli.main()


if __name__ == "__main__":
    main()
