import { ensureVpsImage } from "../../../sandbox/vps/machine";
import { Neighbour } from "./neighbour";

/** Beside the slots of machines, clusters and databases, and the bucket. */
const neighbour = new Neighbour("dumps", "198.18.77.251");
const port = 2222;
export const directory = "/home/dumps/of-odoo";

const serve = `
useradd -m -s /bin/sh -p '*' dumps && install -d -m 700 -o dumps /home/dumps/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/key && install -m 600 -o dumps /root/key.pub /home/dumps/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -p ${port}`;

/** A host with nothing but SSH, beside the sandbox's machines: where dumps go. */
export class DumpHost {
  readonly destination = `ssh://dumps@${neighbour.address}:${port}${directory}`;

  private constructor(
    readonly hostKey: string,
    readonly privateKey: string,
  ) {}

  static async open(): Promise<DumpHost> {
    await neighbour.start(await ensureVpsImage((message) => console.error(message)), serve);
    const answers = `until ssh-keyscan -p ${port} 127.0.0.1 2> /dev/null | grep -q .; do sleep 0.2; done`;
    await neighbour.exec("sh", "-c", answers);
    const key = await neighbour.exec("cut", "-d", " ", "-f", "1,2", "/etc/ssh/ssh_host_ed25519_key.pub");
    return new DumpHost(key.trim(), await neighbour.exec("cat", "/root/key"));
  }

  /** Runs a shell script there; answers its standard output. */
  async sh(script: string): Promise<string> {
    return (await neighbour.exec("sh", "-euc", script)).trim();
  }

  close(): Promise<void> {
    return neighbour.remove();
  }
}
