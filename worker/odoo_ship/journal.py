"""The journal of a release: written and synced before and after every step, so that whoever comes next knows how far it
got.
"""

import time

from files import STATE, read_json, write_json

STEPS = ("preflight", "pulled", "rehearsed", "closed", "point", "upgraded", "smoked", "committed")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Journal:
    """The release that is under way. `outcome` is absent until it ended."""

    PATH = STATE / "journal.json"

    def __init__(self, entry):
        self.entry = entry

    @classmethod
    def read(cls):
        entry = read_json(cls.PATH)
        return None if entry is None else cls(entry)

    @classmethod
    def begin(cls, request_id, mode, source, target, attempt, job=None):
        """`source` and `target`: release ids; `attempt`: a word that names everything this attempt makes; `job`: who
        makes it, where that is not the host.
        """
        return cls({"request": request_id, "mode": mode, "from": source, "to": target, "attempt": attempt, "job": job,
                    "began": now()})

    def __getitem__(self, name):
        return self.entry.get(name)

    def note(self, **facts):
        self.entry.update(facts, at=now())
        write_json(self.PATH, self.entry)

    def step(self, name, say):
        return _Step(self, name, say)

    @property
    def open(self):
        return "outcome" not in self.entry

    def reached(self, step, phase="begin"):
        """Whether the release has got to this point of this step."""
        if self["step"] is None:
            return False
        here = STEPS.index(self["step"]), self["phase"] == "end"
        return here >= (STEPS.index(step), phase == "end")


class _Step:
    """`with journal.step(…)`: the end is noted only if the body did not fail."""

    def __init__(self, journal, name, say):
        self.journal, self.name, self.say = journal, name, say

    def __enter__(self):
        self.say(self.name)
        self.journal.note(step=self.name, phase="begin")
        return self.journal

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.journal.note(step=self.name, phase="end")
