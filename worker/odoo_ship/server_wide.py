"""Modules that Odoo loads for the whole server: what they patch and start is there before any database is."""

#: Odoo's own, of each series. The plan knows them, too: components/image/configuration.ts.
USUAL = {"base", "rpc", "web"}


def beyond(text):
    """Names in a value of Odoo's option `server_wide_modules`, or None, that are not Odoo's own; sorted."""
    return sorted({name.strip() for name in (text or "").split(",")} - USUAL - {""})
