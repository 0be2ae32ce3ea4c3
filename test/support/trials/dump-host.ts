import { objectLabel } from "../../../sandbox/containers/docker";
import { networkName } from "../../../sandbox/containers/network";
import { run } from "../../../sandbox/process";
import { ensureVpsImage } from "../../../sandbox/vps/machine";

const name = "odoo-sandbox-dumps";
/** Beside the slots of machines, clusters and databases, and the bucket. */
const address = "198.18.77.251";
const port = 2222;
export const directory = "/home/dumps/of-odoo";

const serve = `
useradd -m -s /bin/sh -p '*' dumps && install -d -m 700 -o dumps /home/dumps/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/key && install -m 600 -o dumps /root/key.pub /home/dumps/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -p ${port}`;

/** A host with nothing but SSH, beside the sandbox's machines: where dumps go. */
export class DumpHost {
  readonly destination = `ssh://dumps@${address}:${port}${directory}`;

  private constructor(
    readonly hostKey: string,
    readonly privateKey: string,
  ) {}

  static async open(): Promise<DumpHost> {
    await docker("rm", "--force", "--volumes", name);
    const image = await ensureVpsImage((message) => console.error(message));
    await docker(
      ...["run", "--detach", "--name", name, "--label", objectLabel, "--no-healthcheck"],
      ...["--network", networkName, "--ip", address, "--entrypoint", "sh", image, "-euc", serve],
    );
    const answers = `until ssh-keyscan -p ${port} 127.0.0.1 2> /dev/null | grep -q .; do sleep 0.2; done`;
    await docker("exec", name, "sh", "-c", answers);
    const key = await docker("exec", name, "cut", "-d", " ", "-f", "1,2", "/etc/ssh/ssh_host_ed25519_key.pub");
    return new DumpHost(key.trim(), await docker("exec", name, "cat", "/root/key"));
  }

  /** Runs a shell script there; answers its standard output. */
  async sh(script: string): Promise<string> {
    return (await docker("exec", name, "sh", "-euc", script)).trim();
  }

  async close(): Promise<void> {
    await docker("rm", "--force", "--volumes", name);
  }
}

async function docker(...args: string[]): Promise<string> {
  const what = `docker ${args[0] ?? ""} of the host of dumps`;
  return (await run("docker", args, { what, limitMs: 120_000 })).stdout;
}
