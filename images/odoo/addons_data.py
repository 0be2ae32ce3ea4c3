"""What Odoo says of the data files that a manifest names, beside what any parser says."""

import functools
import importlib.util
import os

#: What Odoo loads, by the end of a file's name; of .js it takes no notice.
LOADED = (".xml", ".csv", ".sql", ".js")
SCHEMA = "import_xml.rng"


def schema_problem(data):
    """(line, message) of what does not fit the schema of the Odoo that this Python has; (None, None) if nothing."""
    validator = schema()
    if validator is None:
        return None, None
    from lxml import etree

    try:
        document = etree.fromstring(data).getroottree()
    except (etree.LxmlError, ValueError) as error:
        return getattr(error, "lineno", None), f"is not the XML that Odoo reads: {error}"
    if validator.validate(document):
        return None, None
    # The first is what is wrong; the others follow from it.
    error = validator.error_log[0]
    return error.line, f"does not fit Odoo's schema for data: {error.message}"


@functools.cache
def schema():
    """The validator of the Odoo that is installed here; None without one."""
    try:
        from lxml import etree
        found = importlib.util.find_spec("odoo")
    except ImportError:
        return None
    for root in (found and found.submodule_search_locations) or ():
        path = os.path.join(root, SCHEMA)
        if os.path.isfile(path):
            return etree.RelaxNG(etree.parse(path))
    return None
