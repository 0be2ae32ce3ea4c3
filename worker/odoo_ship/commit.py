"""The end of a release: from here on users reach it."""

import ledger
import points
import staged


def complete(host, journal):
    """What is left to do after the commit point; may be done again after a crash."""
    request = staged.read(journal["to"])
    host.data.postgres.let_in()
    host.open(request)
    if journal["mode"] == "install":
        # What was there in place of a database was empty.
        database = request["database"]
        points.drop(host.data, points.database_of(database, journal["attempt"]), journal["attempt"])
    ledger.record(request, journal["applied"], journal["lineage"], journal["writes"], journal.door_seconds)
    journal.note(outcome="succeeded")
