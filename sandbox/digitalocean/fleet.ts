import { endAction, isBusy, type Actions } from "./actions";
import { paperMachines, type Machines, type MachineVolume } from "./machines";
import type { Action, Droplet, State, Store, Volume } from "./state";

/** The machines behind the droplets, kept as the state says. */
export class Fleet {
  readonly machines: Machines;
  private readonly real: boolean;
  private readonly firewallTurns = new Map<number, Promise<void>>();

  constructor(
    private readonly store: Store,
    private readonly actions: Actions,
    machines: Machines | undefined,
  ) {
    this.machines = machines ?? paperMachines();
    this.real = machines !== undefined;
  }

  /** Makes a droplet's machine, with its volumes and its firewall; one that is there stays. */
  async make(id: number): Promise<void> {
    const droplet = this.store.state.droplets.find((one) => one.id === id);
    if (droplet === undefined) {
      throw new Error(`droplet ${id} does not exist any more`);
    }
    const volumes = this.store.state.volumes.filter((volume) => volume.droplet === id).map(machineVolume);
    await this.machines.createMachine({
      id,
      name: droplet.name,
      slot: droplet.slot,
      userData: droplet.user_data,
      authorizedKeys: [...droplet.authorized_keys],
      volumes,
    });
    await this.applyFirewall(id);
  }

  /** Ends in the state that the latest call saw: calls for one droplet are made in turn, each with what holds then. */
  async applyFirewall(id: number): Promise<void> {
    const before = this.firewallTurns.get(id) ?? Promise.resolve();
    const turn = before
      .catch(() => undefined)
      .then(async () => {
        const droplet = this.store.state.droplets.find((one) => one.id === id);
        if (droplet !== undefined) {
          await this.machines.setFirewall(id, openPorts(this.store.state, droplet));
        }
      });
    this.firewallTurns.set(id, turn);
    await turn;
  }

  /**
   * Applies the firewalls of the droplets that run, all or those with these ids; answers whether they hold. On a droplet with an
   * action under way it may fail: that action ends with it.
   */
  async enforceFirewalls(ids: readonly number[] = this.store.state.droplets.map(({ id }) => id)): Promise<boolean> {
    const on = this.store.state.droplets.filter(
      ({ id, status }) => ids.includes(id) && (status === "active" || status === "new"),
    );
    const held = await Promise.all(
      on.map(async ({ id }) => {
        try {
          await this.applyFirewall(id);
          return true;
        } catch (error) {
          const later = isBusy(this.store.state, id);
          if (!later) {
            console.error(`DigitalOcean API, firewall of droplet ${id}:`, error);
          }
          return later;
        }
      }),
    );
    return held.every(Boolean);
  }

  /**
   * Brings the machines to what the state says, after a start: what was interrupted goes on or has failed, and active droplets whose
   * machine is gone or off get it back. Until that is known each has an action under way, so that clients wait for it.
   */
  recover(): void {
    const interrupted = this.store.state.actions.filter(({ status }) => status === "in-progress");
    const creating = interrupted.filter(({ type, droplet }) => type === "create" && droplet !== undefined);
    this.store.update((draft) =>
      interrupted.filter((one) => !creating.includes(one)).forEach(({ id }) => endAction(draft, id, "errored")),
    );
    creating.forEach((action) => this.runCreate(action));
    if (this.real) {
      this.store.state.droplets.filter(({ status }) => status === "active").forEach(({ id }) => this.powerOn(id));
    }
  }

  /** The second half of a droplet's creation. One that fails is left as `archive`, which a client that waits takes for an error. */
  runCreate(action: Action): void {
    const id = action.droplet ?? 0;
    void this.actions.run(action, {
      work: () => this.make(id),
      done: (draft) => setStatus(draft, id, "active"),
      failed: (draft) => setStatus(draft, id, "archive"),
    });
  }

  /** An action that ends with the machine running, made anew if it is gone. */
  powerOn(id: number): Action {
    return this.actions.start((draft) => dropletAction(draft, id, "power_on"), {
      work: () => this.boot(id),
      done: (draft) => setStatus(draft, id, "active"),
      failed: (draft) => setStatus(draft, id, "off"),
    });
  }

  /** Starts a machine that is off, makes one that is gone, and lets one that runs alone. */
  async boot(id: number): Promise<void> {
    const status = await this.machines.machineStatus(id);
    if (status === "active") {
      return;
    }
    if (status === undefined) {
      return this.make(id);
    }
    await this.machines.powerOnMachine(id);
    await this.applyFirewall(id);
  }
}

/** An action's facts for one droplet. */
export function dropletAction(state: Readonly<State>, id: number, type: string) {
  const region = state.droplets.find((droplet) => droplet.id === id)?.region ?? "";
  return { type, resource_id: id, resource_type: "droplet", region, droplet: id };
}

/** Sets a droplet's status, if it is still there. */
export function setStatus(draft: State, id: number, status: Droplet["status"]): void {
  const droplet = draft.droplets.find((one) => one.id === id);
  if (droplet !== undefined) {
    droplet.status = status;
  }
}

/** A volume as machines know it. */
export function machineVolume({ id, name, size_gigabytes }: Volume): MachineVolume {
  return { id, name, sizeGiB: size_gigabytes };
}

/**
 * The TCP ports that the droplet's firewalls let in together; `undefined` when it has none, or all ports are open. Whom a rule
 * lets in cannot be told here, as every connection comes from this machine: a rule for anyone opens its ports.
 */
export function openPorts(state: Readonly<State>, droplet: Droplet): number[] | undefined {
  const firewalls = state.firewalls.filter(
    ({ droplet_ids, tags }) => droplet_ids.includes(droplet.id) || tags.some((tag) => droplet.tags.includes(tag)),
  );
  const ranges = firewalls
    .flatMap(({ inbound_rules }) => inbound_rules)
    .filter(({ protocol }) => protocol === "tcp")
    .map(({ ports }) => ports);
  if (firewalls.length === 0 || ranges.includes("0")) {
    return undefined;
  }
  const ports = ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return [...new Set(ports)].sort((one, other) => one - other);
}
