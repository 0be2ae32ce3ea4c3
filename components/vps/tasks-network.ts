/**
 * Network by which a release's own container reaches what `release:egress` names, for its Compose file. The name of its
 * interface is that of worker/odoo_ship/egress.py, whose rules for it are there before it is.
 */
export const tasksNetwork = `networks:
  tasks:
    driver_opts:
      com.docker.network.bridge.name: odoo-ship-tasks

`;
