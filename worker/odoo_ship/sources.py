"""The worker's own files as text: on a host they are in a folder, in a Job's pod in an archive that Python runs."""

import pkgutil


def text(name):
    return pkgutil.get_data(__name__, name).decode("utf-8")
