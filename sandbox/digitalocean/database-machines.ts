/** What a managed PostgreSQL is made from. */
export interface DatabaseOrder {
  readonly id: string;
  readonly name: string;
  readonly slot: number;
  /** Those that are kept for the superuser included. */
  readonly maxConnections: number;
  /** Of `doadmin`. */
  readonly adminPassword: string;
  /** Who may connect, as CIDR ranges; `undefined`: everybody. */
  readonly sources: readonly string[] | undefined;
}

/** What runs behind the API's managed databases. Every call may be repeated, and fails rather than leave a half-done thing unsaid. */
export interface DatabaseMachines {
  /** Makes a database, or brings the one that is there to what the order says; ends when it takes connections. */
  createDatabase(order: DatabaseOrder): Promise<void>;
  /** `undefined`: there is none. */
  databaseStatus(id: string): Promise<"online" | "off" | undefined>;
  /** The certificate of the authority that signs for the database, PEM. */
  databaseAuthority(id: string): Promise<string>;
  setSources(id: string, sources: readonly string[] | undefined): Promise<void>;
  /** Makes a user that may log in, or gives it another password. */
  setUser(id: string, name: string, password: string): Promise<void>;
  removeUser(id: string, name: string): Promise<void>;
  /** Makes a database that belongs to `doadmin`. */
  createDb(id: string, name: string): Promise<void>;
  removeDb(id: string, name: string): Promise<void>;
  /** With its data; also when there is none any more. */
  removeDatabase(id: string): Promise<void>;
}

/** Databases on paper: nothing listens at their addresses. What `npm test` uses, which has no Docker. */
export function paperDatabases(): DatabaseMachines {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    createDatabase: nothing,
    databaseStatus: () => Promise.resolve("online"),
    databaseAuthority: () =>
      Promise.resolve("-----BEGIN CERTIFICATE-----\nthis database is on paper\n-----END CERTIFICATE-----\n"),
    setSources: nothing,
    setUser: nothing,
    removeUser: nothing,
    createDb: nothing,
    removeDb: nothing,
    removeDatabase: nothing,
  };
}

/** How many databases there can be. */
export const databaseSlots: readonly number[] = [0, 1, 2];

/** DigitalOcean's port of a managed PostgreSQL; the pooler's would be the next one. */
export const databasePort = 25060;

/** The address in the sandbox's network of machines: clusters, droplets and this machine itself reach it there. */
export function databaseAddress(slot: number): string {
  return `198.18.77.${40 + slot}`;
}
