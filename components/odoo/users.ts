/** Users that the containers run as, and that their secrets and volumes belong to. */
export const users = {
  odoo: { uid: 100, gid: 101 },
  postgres: { uid: 999, gid: 999 },
  proxy: { uid: 1000, gid: 1000 },
} as const;
