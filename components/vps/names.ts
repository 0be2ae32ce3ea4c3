/** Names that the Compose project has on a host. The worker has them, too (worker/odoo_ship/), and a test compares. */
export const names = {
  project: "odoo",
  folder: "/opt/odoo",
  /** By service. */
  containers: { odoo: "odoo-ce", db: "odoo-db", proxy: "odoo-proxy" },
  volumes: { database: "odoo-db-data", filestore: "odoo-filestore", certificates: "odoo-proxy-data" },
} as const;

/** Port of SSH on a created host; its firewall opens no other one for it. */
export const sshPort = 22;
