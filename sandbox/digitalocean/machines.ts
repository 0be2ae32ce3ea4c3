/** A volume as a machine sees it. */
export interface MachineVolume {
  readonly id: string;
  readonly name: string;
  readonly sizeGiB: number;
}

/** What a machine is made from. */
export interface MachineOrder {
  /** The droplet's id. */
  readonly id: number;
  readonly name: string;
  readonly slot: number;
  /** A script that runs once, at the first boot; empty when there is none. */
  readonly userData: string;
  /** Public keys that may log in as root. */
  readonly authorizedKeys: string[];
  readonly volumes: MachineVolume[];
}

/** What runs behind the API's droplets. Every call may be repeated, and fails rather than leave a half-done thing unsaid. */
export interface Machines {
  createMachine(order: MachineOrder): Promise<void>;
  /** The TCP ports that take new connections; `undefined`: all. */
  setFirewall(id: number, ports: number[] | undefined): Promise<void>;
  rebootMachine(id: number): Promise<void>;
  powerOffMachine(id: number): Promise<void>;
  powerOnMachine(id: number): Promise<void>;
  /** Also when there is none any more. Volumes stay. */
  removeMachine(id: number): Promise<void>;
  /** One that is attached already takes the new size. */
  attachVolume(id: number, volume: MachineVolume): Promise<void>;
  detachVolume(id: number, volume: MachineVolume): Promise<void>;
  /** Takes a volume's data away; it is attached to nothing then. */
  removeVolume?(volume: MachineVolume): Promise<void>;
  /** `undefined`: there is no such machine. */
  machineStatus(id: number): Promise<"active" | "off" | undefined>;
}

/** Droplets on paper: they have a status and addresses, and nothing runs. What `npm test` uses, which has no Docker. */
export function paperMachines(): Machines {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    createMachine: nothing,
    setFirewall: nothing,
    rebootMachine: nothing,
    powerOffMachine: nothing,
    powerOnMachine: nothing,
    removeMachine: nothing,
    attachVolume: nothing,
    detachVolume: nothing,
    machineStatus: () => Promise.resolve("active"),
  };
}

/** How many droplets there can be: each has loopback addresses of its own, so that no port has to be a setting. */
export const slots: readonly number[] = [0, 1, 2];

/** The droplet's own address. */
export function publicAddress(slot: number): string {
  return `127.0.0.${10 + 2 * slot}`;
}

/** The address that can be reserved for the droplet of this slot, and for no other. */
export function reservedAddress(slot: number): string {
  return `127.0.0.${11 + 2 * slot}`;
}

/** The address in the sandbox's network of machines. */
export function privateAddress(slot: number): string {
  return `198.18.77.${10 + 2 * slot}`;
}
