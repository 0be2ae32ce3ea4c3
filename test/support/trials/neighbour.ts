import { objectLabel } from "../../../sandbox/containers/docker";
import { networkName } from "../../../sandbox/containers/network";
import { run } from "../../../sandbox/process";

const limitMs = 120_000;

/** A container of a test's own in the network of the sandbox's machines, at an address that none of them has. */
export class Neighbour {
  readonly #name: string;

  constructor(
    private readonly what: string,
    readonly address: string,
  ) {
    this.#name = `odoo-sandbox-${what}`;
  }

  /** Starts it anew: a shell of the image that runs this script. */
  async start(image: string, script: string): Promise<void> {
    await this.remove();
    await this.#docker(
      ...["run", "--detach", "--name", this.#name, "--label", objectLabel, "--no-healthcheck"],
      ...["--network", networkName, "--ip", this.address, "--entrypoint", "sh", image, "-euc", script],
    );
  }

  /** Runs a program there; answers its standard output. */
  exec(...args: string[]): Promise<string> {
    return this.#docker("exec", this.#name, ...args);
  }

  /** Also when there is none. */
  async remove(): Promise<void> {
    await this.#docker("rm", "--force", "--volumes", this.#name);
  }

  async #docker(...args: string[]): Promise<string> {
    return (await run("docker", args, { what: `docker ${args[0] ?? ""} of ${this.what}`, limitMs })).stdout;
  }
}
