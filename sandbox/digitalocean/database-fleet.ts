import type { Background } from "./background";
import { nodeAddress } from "./cluster-machines";
import { paperDatabases, type DatabaseMachines } from "./database-machines";
import { databaseSize } from "./database-options";
import type { Database, DatabaseRule } from "./database-state";
import { adminUser } from "./database-view";
import { privateAddress } from "./machines";
import type { State, Store } from "./state";
import { Turns } from "./turns";

/** What runs behind the managed databases, kept as the state says. */
export class DatabaseFleet {
  readonly machines: DatabaseMachines;
  private readonly turns = new Turns();
  /** Whom each database lets in now, as far as this process has said. */
  private readonly applied = new Map<string, string>();

  constructor(
    private readonly store: Store,
    private readonly background: Background,
    machines: DatabaseMachines | undefined,
  ) {
    this.machines = machines ?? paperDatabases();
  }

  /**
   * Makes a database, or brings the one that is there to what the state says: after a creation, a change of its size, or a start of the API.
   * One that fails stays as it is told to be, and is tried again at the next start: DigitalOcean has no word for a failure, either.
   */
  bring(id: string): void {
    void this.turns.take(id, () =>
      this.background.run(`making the database ${id}`, {
        work: async () => {
          const [database] = find(this.store.state, id);
          if (database === undefined) {
            return;
          }
          const sources = trustedSources(this.store.state, database);
          await this.machines.createDatabase({
            id,
            name: database.name,
            slot: database.slot,
            maxConnections: databaseSize(database.size, database.num_nodes).maxConnections,
            adminPassword: database.users.find(({ name }) => name === adminUser)?.password ?? "",
            sources,
          });
          this.applied.set(id, JSON.stringify(sources));
        },
        done: (draft) => find(draft, id).forEach((database) => (database.status = "online")),
      }),
    );
  }

  /** After a start of the API. */
  recover(): void {
    this.store.state.databases.forEach(({ id }) => this.bring(id));
  }

  /** Does something to a database that is there, when nothing else is done to it. */
  turn<T>(id: string, task: (machines: DatabaseMachines) => Promise<T>): Promise<T> {
    return this.turns.take(id, () => task(this.machines));
  }

  /** Lets in who is trusted now: a rule may name a droplet, a cluster or a tag, and those come and go. */
  async enforce(): Promise<void> {
    const online = this.store.state.databases.filter(({ status }) => status === "online");
    await Promise.all(
      online.filter((database) => this.isStale(database)).map(({ id }) => this.turn(id, () => this.apply(id))),
    );
  }

  private isStale(database: Database): boolean {
    return this.applied.get(database.id) !== JSON.stringify(trustedSources(this.store.state, database));
  }

  private async apply(id: string): Promise<void> {
    const [database] = find(this.store.state, id);
    if (database === undefined || !this.isStale(database)) {
      return;
    }
    const sources = trustedSources(this.store.state, database);
    await this.machines.setSources(id, sources);
    this.applied.set(id, JSON.stringify(sources));
  }
}

/** The database as a list of one, or none when it has gone meanwhile. */
function find(state: Readonly<State>, id: string): Database[] {
  return state.databases.filter((database) => database.id === id);
}

/** The addresses that the rules mean; `undefined` when there are no rules. A rule for something that is gone means nobody. */
export function trustedSources(state: Readonly<State>, { rules }: Database): readonly string[] | undefined {
  return rules.length === 0 ? undefined : [...new Set(rules.flatMap((rule) => addressesOf(state, rule)))].sort();
}

function addressesOf(state: Readonly<State>, { type, value }: DatabaseRule): string[] {
  const droplets = state.droplets.filter(({ id, tags }) =>
    type === "tag" ? tags.includes(value) : type === "droplet" && String(id) === value,
  );
  const clusters = state.clusters.filter(
    ({ id, tags, status }) =>
      status.state !== "deleting" && (type === "tag" ? tags.includes(value) : type === "k8s" && id === value),
  );
  return [
    ...(type === "ip_addr" ? [value.includes("/") ? value : `${value}/32`] : []),
    ...droplets.map(({ slot }) => `${privateAddress(slot)}/32`),
    ...clusters.map(({ slot }) => `${nodeAddress(slot)}/32`),
  ];
}
