"""Where this worker runs."""

import os

KUBERNETES = os.environ.get("ODOO_SHIP_HOST") == "kubernetes"


def host():
    """The host as a release needs it."""
    if KUBERNETES:
        from hosts.kubernetes import KubernetesHost
        return KubernetesHost()
    from hosts.compose import ComposeHost
    return ComposeHost()
