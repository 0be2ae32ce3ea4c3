import type { DatabaseMachines, DatabaseOrder } from "../../digitalocean/database-machines";

/** Databases that note what they are told, and fail where a test says so. What they do not prove: that a real one does it. */
export class RecordedDatabases implements DatabaseMachines {
  readonly told: string[] = [];
  readonly orders: DatabaseOrder[] = [];
  /** Names of calls that fail. */
  readonly failing = new Set<string>();
  private held: Promise<unknown> = Promise.resolve();

  async createDatabase(order: DatabaseOrder): Promise<void> {
    this.orders.push(order);
    await this.note("create", order.name, String(order.maxConnections));
  }

  databaseStatus(): Promise<"online" | "off" | undefined> {
    return Promise.resolve("online");
  }

  databaseAuthority(): Promise<string> {
    return Promise.resolve("the authority's certificate");
  }

  setSources(_: string, sources: readonly string[] | undefined): Promise<void> {
    return this.note("sources", ...(sources ?? ["everybody"]));
  }

  setUser(_: string, name: string, password: string): Promise<void> {
    return this.note("user", name, password);
  }

  removeUser(_: string, name: string): Promise<void> {
    return this.note("no user", name);
  }

  createDb(_: string, name: string): Promise<void> {
    return this.note("db", name);
  }

  removeDb(_: string, name: string): Promise<void> {
    return this.note("no db", name);
  }

  removeDatabase(): Promise<void> {
    return this.note("remove");
  }

  /** What was told since the last call of this. */
  news(): string[] {
    return this.told.splice(0);
  }

  /** From now on no database does what it is told, until the answered function is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.held = new Promise<void>((resolve) => (release = resolve));
    return release;
  }

  private async note(what: string, ...more: readonly string[]): Promise<void> {
    await this.held;
    this.told.push([what, ...more].join(" "));
    if (this.failing.has(what)) throw new Error(`${what} fails`);
  }
}
