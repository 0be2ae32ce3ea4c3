"""PostgreSQL's extensions that a stack wants in its database (odoo:extensions).

A new database has them from the admin, before it is Odoo's. In one that has been Odoo's, the script of an extension
would run with the admin's rights among what Odoo's role may have put there: the admin makes none. What PostgreSQL calls
trusted any owner of a database may have, so Odoo's role makes it itself.
"""

from failures import Failure


def wanted(request):
    # Requests of earlier programs know none.
    return request.get("extensions", [])


def of_new_database(request):
    """As `Postgres.create` takes them: where Odoo looks for them, in the version that the server brings."""
    return [[name, "public", None] for name in wanted(request)]


def lacking(postgres, database, request):
    """Those that the database lacks, and Odoo's role may make; `database`: None where there is none yet.

    Raises Failure for one that the server has not, or that only its admin may make.
    """
    there = postgres.extensions(database) if database and wanted(request) else []
    missing = [name for name in wanted(request) if name not in there]
    if not missing:
        return []
    offered = postgres.offered_extensions()
    absent = [name for name in missing if name not in offered]
    if absent:
        raise Failure("POSTGRES_MISMATCH", "this PostgreSQL does not bring an extension that the stack wants",
                      found=f"no {', '.join(absent)}",
                      expected="all of odoo:extensions",
                      remedy="take an image of PostgreSQL that has it (vps:imagesRecord, doks:imagesRecord), or take "
                             "it out of odoo:extensions; then deploy again")
    if database is None:
        return []
    refused = [name for name in missing if not offered[name]]
    if refused:
        statements = " ".join(f'-c "CREATE EXTENSION {name} SCHEMA public"' for name in refused)
        raise Failure("DATABASE_UNFIT", "only the admin of PostgreSQL may make an extension, in a database that is new",
                      found=f"{database} has no {', '.join(refused)}, and has been Odoo's",
                      expected="the extension, since the database was made",
                      remedy="if you trust all functions and operators in the database, make it by hand, then deploy "
                             f"again: {postgres.by_hand} psql -U {postgres.admin} -d {database} {statements}")
    return missing
