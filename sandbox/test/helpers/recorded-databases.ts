import type { DatabaseMachines, DatabaseOrder } from "../../digitalocean/database-machines";
import { Recorder } from "./recorder";

/** Databases that note what they are told, and fail where a test says so. What they do not prove: that a real one does it. */
export class RecordedDatabases extends Recorder implements DatabaseMachines {
  readonly orders: DatabaseOrder[] = [];

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
}
