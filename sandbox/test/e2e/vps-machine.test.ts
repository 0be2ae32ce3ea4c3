import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";

import { privateAddress, publicAddress, reservedAddress } from "../../digitalocean/machines";
import { preparedImage } from "../../images/base";
import { until } from "../../process";
import { readServers } from "../../servers-control";
import * as machines from "../../vps/machine";

// Beside the slots of the API's droplets.
const id = 9100;
const slot = 3;
const volume = { id: "e2e-9100", name: "books", sizeGiB: 1 };
const device = "/dev/disk/by-id/scsi-0DO_Volume_books";
const userData = `#!/bin/sh
echo run >> /root/first-boots
while [ ! -e ${device} ]; do sleep 0.2; done
mkfs.ext4 -q ${device}
mkdir /mnt/books
echo '${device} /mnt/books ext4 defaults,nofail,discard,noatime 0 2' >> /etc/fstab
mount /mnt/books
`;

/** A machine of the sandbox, as what logs in there needs it. That the product does well on it is shown elsewhere. */
describe("a machine of the sandbox", () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-vps-"));
  const key = path.join(home, "key");

  const ssh = (
    command: string,
    input = "",
    address = publicAddress(slot),
    options: readonly string[] = ["-i", key],
  ) => {
    const known = [
      "-o",
      "StrictHostKeyChecking=no",
      "-o",
      "UserKnownHostsFile=/dev/null",
      "-o",
      "BatchMode=yes",
      "-o",
      "ConnectTimeout=5",
    ];
    return spawnSync(
      "ssh",
      ["-q", "-F", "none", "-o", "IdentityAgent=none", ...known, ...options, `root@${address}`, command],
      {
        encoding: "utf8",
        input,
        timeout: 1_200_000,
      },
    );
  };
  const sh = (command: string, input = ""): string => {
    const { status, stdout, stderr } = ssh(command, input);
    assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const up = async (): Promise<void> =>
    assert.ok(await until(() => ssh("docker info").status === 0, 600_000, 500), "Docker answers there");
  const order = (): Parameters<typeof machines.createMachine>[0] => {
    const authorizedKeys = [fs.readFileSync(`${key}.pub`, "utf8")];
    return { id, name: "e2e", slot, userData, authorizedKeys, volumes: [volume] };
  };

  before(async () => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    await machines.removeMachine(id);
    await machines.createMachine(order());
    await up();
  });

  after(async () => {
    await machines.removeMachine(id);
    await machines.removeVolume(volume);
    fs.rmSync(home, { recursive: true });
  });

  it("lets in who has the key, on both addresses, and nobody else", () => {
    assert.equal(sh("id -u; hostname"), "0\ne2e");
    assert.equal(ssh("true", "", reservedAddress(slot)).status, 0);
    const stranger = path.join(home, "stranger");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", stranger]);
    assert.equal(ssh("true", "", publicAddress(slot), ["-o", "IdentitiesOnly=yes", "-i", stranger]).status, 255);
    assert.doesNotMatch(sh("sshd -T | grep -iE '^(password|kbdinteractive)authentication yes' || true"), /yes/);
  });

  it("runs its user data once, and mounts the volume at every start", async () => {
    assert.equal(sh("cloud-init status --wait"), "status: done");
    sh("echo written > /mnt/books/entry; touch /root/kept");
    await machines.rebootMachine(id);
    await up();
    assert.equal(
      sh("cat /root/first-boots /mnt/books/entry; findmnt -n -o FSTYPE,OPTIONS /mnt/books | grep -c discard"),
      "run\nwritten\n1",
    );
  });

  it("has a volume that can be full, while the machine is not", () => {
    assert.equal(
      sh(
        "dd if=/dev/zero of=/mnt/books/all bs=1M 2>&1 | grep -c 'No space left'; rm /mnt/books/all; touch /var/lib/more",
      ),
      "1",
    );
  });

  it("pulls from the sandbox's registry under the name that the outer machine uses", () => {
    const { pinned } = preparedImage("proxy");
    const pull = readServers()?.pull;
    assert.ok(pull !== undefined);
    assert.notEqual(ssh(`docker pull -q ${pinned}`).status, 0, "without a login it must not");
    sh(`docker login -u ${pull.username} --password-stdin 127.0.0.1:5055`, pull.password);
    sh(`docker pull -q ${pinned}`);
    // The image is kept for the next test.
    sh(`docker run -d --name site --restart unless-stopped -p 443:80 -p 8069:80 ${pinned}`);
  });

  it("is reached at the ports that its firewall opens, and at no other", async () => {
    const answers = (port: number): Promise<boolean> => until(() => connects(privateAddress(slot), port), 300_000);
    assert.deepEqual([await answers(443), await answers(8069)], [true, true]);
    for (const address of [publicAddress(slot), reservedAddress(slot)]) {
      assert.equal((await fetch(`http://${address}:443/`, { signal: AbortSignal.timeout(15_000) })).status, 200);
    }
    await machines.setFirewall(id, [22, 443]);
    assert.deepEqual([await answers(443), await connects(privateAddress(slot), 8069)], [true, false]);
    await machines.rebootMachine(id);
    await up();
    assert.deepEqual([await answers(443), await connects(privateAddress(slot), 8069)], [true, false]);
    await machines.setFirewall(id, undefined);
    assert.equal(await answers(8069), true);
  });

  it("comes back from a power cut in the middle of writing", async () => {
    sh(
      "sh -c 'for n in 1 2 3; do dd if=/dev/zero of=/root/big bs=1M count=800 2> /dev/null; done' > /dev/null 2>&1 & sleep 1; sync -f /root/kept",
    );
    execFileSync("docker", ["kill", `odoo-sandbox-vps-${id}`]);
    assert.equal(await machines.machineStatus(id), "off");
    await machines.powerOnMachine(id);
    await up();
    assert.equal(sh("ls /root/kept; cat /mnt/books/entry; rm -f /root/big"), "/root/kept\nwritten");
  });

  it("is the same machine when its container was removed and is made again", async () => {
    const identity = sh("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; docker images -q");
    execFileSync("docker", ["rm", "--force", `odoo-sandbox-vps-${id}`]);
    assert.equal(await machines.machineStatus(id), undefined);
    await machines.createMachine(order());
    await up();
    assert.equal(sh("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; docker images -q"), identity);
    assert.equal(sh("cat /root/first-boots"), "run");
  });
});

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 2000 });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}
