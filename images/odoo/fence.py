"""What the guard of Odoo's pods and the worker of a deployment must agree on: the locks that they meet at.

Session advisory locks in the database PLACE, which any role may take. Their numbers, and how a database's name becomes
the first half of their key, stay as they are for ever: an image that runs meets the worker of a later version.
"""

import zlib

#: Where the locks are: the live database can be copied and renamed meanwhile.
PLACE = "postgres"
#: Held exclusively by a deployment that wants to be alone: the guards stop their Odoo.
FENCE = 1
#: Held shared by each guard whose Odoo runs; exclusively by the deployment once nobody runs any more.
LIFE = 2
#: Held exclusively by the one worker that is at a release.
WORKER = 3
#: Those that nobody but the admin of PostgreSQL has a right to hold.
ADMINS = (FENCE, WORKER)
#: Which rows of pg_locks are sessions of this database that hold one of them: takes the key and the number.
HELD = ("locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %s AND objid = %s AND "
        "database = (SELECT oid FROM pg_database WHERE datname = current_database())")

#: libpq's options of a session with locks. The server must notice that a node is gone, too: by itself it would keep the
#: locks of its pods for two hours.
NOTICE_THE_END = ("-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 "
                  "-c tcp_user_timeout=11000")
#: A guard that has lost its session stops Odoo after so many seconds: without PostgreSQL nobody can write.
LOST_SECONDS = 10
#: A deployment that has lost its locks gives the guards so many seconds to see that they have lost theirs.
SETTLE_SECONDS = 30


def lock_class(database):
    """First half of the locks' key, as pg_locks shows it: databases on one server do not close each other."""
    return zlib.crc32(database.encode())


def signed(key):
    """The same as PostgreSQL's functions take it: an integer of four bytes."""
    return key - 2**32 if key >= 2**31 else key
