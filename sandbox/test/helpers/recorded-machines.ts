import type { MachineOrder, Machines } from "../../digitalocean/machines";
import { Recorder } from "./recorder";

/** Machines that note what they are told, and fail where a test says so. What they do not prove: that a real machine does it. */
export class RecordedMachines extends Recorder implements Machines {
  readonly orders: MachineOrder[] = [];
  private readonly status = new Map<number, "active" | "off">();

  async createMachine(order: MachineOrder): Promise<void> {
    await this.note("create", order.id);
    this.orders.push(order);
    this.status.set(order.id, "active");
  }

  async setFirewall(id: number, ports: number[] | undefined): Promise<void> {
    await this.note("firewall", id, ports === undefined ? "open" : ports.join(","));
  }

  async rebootMachine(id: number): Promise<void> {
    await this.note("reboot", id);
  }

  async powerOffMachine(id: number): Promise<void> {
    await this.note("off", id);
    this.status.set(id, "off");
  }

  async powerOnMachine(id: number): Promise<void> {
    await this.note("on", id);
    this.status.set(id, "active");
  }

  async removeMachine(id: number): Promise<void> {
    await this.note("remove", id);
    this.status.delete(id);
  }

  async attachVolume(id: number, volume: { readonly name: string; readonly sizeGiB: number }): Promise<void> {
    await this.note("attach", id, `${volume.name} ${volume.sizeGiB}`);
  }

  async detachVolume(id: number, volume: { readonly name: string }): Promise<void> {
    await this.note("detach", id, volume.name);
  }

  async removeVolume(volume: { readonly name: string }): Promise<void> {
    await this.note("remove volume", volume.name);
  }

  async machineStatus(id: number): Promise<"active" | "off" | undefined> {
    return this.status.get(id);
  }

  /** The machine is gone without anyone having asked for it. */
  lose(id: number): void {
    this.status.delete(id);
  }
}
