import * as net from "node:net";

import { hostKeyProof } from "../../components/vps/host-key-proof";
import { type MachineOrder, paperMachines, reservedAddress, slots } from "../../sandbox/digitalocean/machines";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { scopesFor } from "./documented-scopes";
import { PaperVps } from "./paper-vps";

const port = 22;

/**
 * A stack that makes its host. Behind the API stands a real SSH server that proves its key as the user data says, and
 * does nothing else.
 */
export class CreatedHost {
  /** What the API made machines of. */
  readonly orders: MachineOrder[] = [];
  /** Open ports, of each time that they were set. */
  readonly firewalls: (number[] | undefined)[] = [];
  readonly running = new RunningServers(undefined, {
    actionMs: 0,
    machines: {
      ...paperMachines(),
      createMachine: (order) => {
        if (order.name !== "other") this.#boot(order);
        return Promise.resolve();
      },
      setFirewall: (_, ports) => {
        this.firewalls.push(ports);
        return Promise.resolve();
      },
    },
  });
  #host = new PaperVps();
  #slot = 0;
  #stack: TestStack | undefined;

  /**
   * The stack, which was not updated yet, and its host-to-be. Undefined where port 22 may not be listened at, or where
   * something does at each of the addresses.
   */
  async start() {
    const free = await freeSlot();
    if (free === undefined) return undefined;
    this.#slot = free;
    const { running } = this;
    await running.start();
    await running.createRegistry();
    for (let other = 0; other < free; other++) {
      await running.api("POST", "/v2/droplets", {
        name: "other",
        region: "ams3",
        size: "s-1vcpu-1gb",
        image: "ubuntu-24-04-x64",
      });
    }
    const host = this.#host;
    await host.server.start(port, this.address);
    const digest = await running.push("team/odoo", "v1");
    // A token with what is documented for such a stack, and no more.
    const token = running.servers.api.limitedToken(scopesFor("registry, adopted", "host, created"));
    const stack = new TestStack(
      { ...running.servers, token },
      {
        "registry:ownership": "adopt",
        "image:digest": digest,
        "vps:mode": "create",
        "vps:domain": "erp.example.com",
        "vps:region": "fra1",
        "vps:size": "s-2vcpu-4gb",
        "vps:sshFrom": ["127.0.0.0/8"],
      },
    );
    this.#stack = stack;
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
    await stack.init("vault");
    return { host, stack, digest };
  }

  async remove(): Promise<void> {
    this.#stack?.remove();
    await this.#host.server.close();
    await this.running.remove();
  }

  /** That is reserved for the host. */
  get address(): string {
    return reservedAddress(this.#slot);
  }

  /** Another host, for which the same people have the key, will be at the address. */
  async replace(): Promise<PaperVps> {
    const lost = this.#host;
    await lost.server.close();
    this.#host = new PaperVps(lost.user);
    await this.#host.server.start(port, this.address);
    return this.#host;
  }

  #boot(order: MachineOrder): void {
    this.orders.push(order);
    const [, nonce = ""] = /b"([0-9a-f]{64})"/.exec(order.userData) ?? [];
    const host = this.#host;
    host.proofs = ["", hostKeyProof(nonce, host.server.hostKey)];
    host.setup = ["installing Docker", "done"];
    host.report["mounted"] = "/mnt/odoo-data";
  }
}

/** The last slot whose address nothing uses: a sandbox beside the tests uses the first ones. */
async function freeSlot(): Promise<number | undefined> {
  for (const candidate of slots.toReversed()) {
    const free = await new Promise<boolean>((resolve) => {
      const probe = net.createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, reservedAddress(candidate), () => probe.close(() => resolve(true)));
    });
    if (free) return candidate;
  }
  return undefined;
}
