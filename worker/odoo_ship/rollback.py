"""The rollback of a release that failed or was killed: data and server become what they were before it began."""

import first_version
import staged
from failures import quietly
from files import STATE, Reserve
from release import Release


def roll_back(host, journal, say):
    """Everything is as it was before the release began; may be done again after a crash, wherever that was."""
    say("rolling the release back")
    failed = staged.read(journal["to"])
    host.uninterrupted()
    give_reserve_back(host, say)
    journal.note(rollback=True)
    release = Release(host, failed, journal, say)
    if not journal.reached("closed"):
        # Nothing was touched. A release before it may have been given up with the door closed.
        tidy_up(release)
        if release.previous() and not host.is_open():
            journal.note_server_lacks()
            host.end_rollback(release.previous())
        return
    host.remove_tasks()
    previous = release.previous()
    changed = journal.reached("upgraded") if journal.of_first_version else started(journal)
    replaced = (changed if journal.of_first_version else journal.begun("swapped")) and not journal["dataBack"]
    host.begin_rollback(previous, failed, changed, journal.reached("closed", "end"), replaced)
    host.data.postgres.end_what_was_left()
    if journal.of_first_version:
        first_version.roll_back_data(host.data, journal, failed["database"])
        release.open_previous()
    else:
        undo(release, journal)
    tidy_up(release)


def started(journal):
    """Whether the new server may have been: where the door is closed, that is done ahead."""
    return journal.begun("closed") or journal.begun("tried")


def undo(release, journal):
    """What was begun, in reverse; the door opens where it was closed, and otherwise at the end."""
    if journal.begun("closed") and not journal["dataBack"]:
        release.postgres.lock_out()
    for step in reversed(release.steps()):
        if step.undo and journal.begun(step.name):
            step.undo()
    if not journal.begun("closed"):
        release.open_previous()


def tidy_up(release):
    """What the next release does again if it cannot be done now."""
    release.tidy_up()
    quietly(lambda: release.host.settle(release.previous()), release.say)


def give_reserve_back(host, say):
    """First of all, and without Docker where it can: a full disk must not keep anything from being rolled back."""
    Reserve([STATE]).give_back()
    quietly(lambda: host.data.reserve().give_back(), say)
