"""Where this worker runs."""

import os

KUBERNETES = os.environ.get("ODOO_SHIP_HOST") == "kubernetes"


def here():
    """The host as the protocol needs it."""
    if KUBERNETES:
        from kubernetes_host import KubernetesHost
        return KubernetesHost()
    from compose_host import ComposeHost
    return ComposeHost()
