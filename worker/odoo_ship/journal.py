"""The journal of a release: written and synced before and after every step, so that whoever comes next knows how far it
got.
"""

import calendar
import time

from failures import Failure
from files import STATE, read_json, write_json

STEPS = ("preflight", "pulled", "rehearsed", "prepared", "closed", "cloned", "upgraded", "swapped", "tried",
         "committed")
#: Of the first version of the protocol, whose journals have no `protocol`.
FIRST_STEPS = ("preflight", "pulled", "rehearsed", "closed", "point", "upgraded", "smoked", "committed")
PROTOCOL = 2
ATTEMPT = "%Y%m%dt%H%M%Sz"
#: An expression for a name of that form.
ATTEMPT_NAME = r"\d{8}t\d{6}z"


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def seconds_since(moment):
    """Of a time as :func:`now` tells it."""
    return time.time() - calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


def attempt_name(known=()):
    """Names everything that an attempt makes: the time, or the second after the newest name in `known`. So the names
    sort as the attempts followed each other, also where the clock was set back.
    """
    newest = max((calendar.timegm(time.strptime(name, ATTEMPT)) + 1 for name in known), default=0)
    return time.strftime(ATTEMPT, time.gmtime(max(time.time(), newest)))


class Journal:
    """The release that is under way. `outcome` is absent until it ended.

    `steps`: {step: [seconds since 1970 when it began, when it ended]}; the second is absent until then.
    """

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
        return cls({"protocol": PROTOCOL, "request": request_id, "mode": mode, "from": source, "to": target,
                    "attempt": attempt, "job": job, "began": now(), "steps": {}})

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

    @property
    def of_first_version(self):
        return self["protocol"] is None

    @property
    def rolling_back(self):
        """Whether a rollback has begun. A worker of before called that `reverting`."""
        return bool(self["rollback"] or self["reverting"])

    @property
    def gives_way(self):
        """Whether another release may come before this one has ended: it was committed, or all is as it was before it
        but for a server.
        """
        return self.reached("committed") or bool(self["serverLacks"])

    def note_server_lacks(self):
        """All is as it was before the release, but for a server. What was in the way until here is not any more."""
        if not self["serverLacks"]:
            self.note(serverLacks=True, trouble=None)

    @property
    def failure(self):
        """What has ended the release, if that is known."""
        return Failure(**self["error"]) if self["error"] else None

    @property
    def door_seconds(self):
        """For how long users were kept out; None where they were not, or are yet."""
        steps = self["steps"] or {}
        if "closed" not in steps or "committed" not in steps:
            return None
        return round(steps["committed"][0] - steps["closed"][0], 1)

    def begun(self, step):
        """Whether the step itself was begun; one that the release did not need was not."""
        return step in (self["steps"] or {})

    def reached(self, step, phase="begin"):
        """Whether the release has got to this point of this step, or past it."""
        if self["step"] is None:
            return False
        steps = FIRST_STEPS if self.of_first_version else STEPS
        here = steps.index(self["step"]), self["phase"] == "end"
        return here >= (steps.index(step), phase == "end")


class _Step:
    """`with journal.step(…)`: the end is noted only if the body did not fail."""

    def __init__(self, journal, name, say):
        self.journal, self.name, self.say = journal, name, say

    def __enter__(self):
        self.say(self.name)
        self._note("begin", [time.time()])
        return self.journal

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._note("end", [*self.journal["steps"][self.name][:1], time.time()])

    def _note(self, phase, times):
        steps = {**self.journal["steps"], self.name: [round(moment, 3) for moment in times]}
        self.journal.note(step=self.name, phase=phase, steps=steps)
