import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import { dropletUserData } from "../../../components/vps/droplet-user-data";

const device = "/dev/disk/by-id/scsi-0DO_Volume_odoo-data";

/** A folder that stands for the host's root, and programs that note how they are called in the place of those that would change this machine. */
class PaperHost {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), "user-data-"));
  readonly hostKey = sshKeyPair().publicKey;
  readonly #bin = path.join(this.root, "bin");
  readonly #calls = path.join(this.root, "calls");

  constructor() {
    for (const folder of [
      "bin",
      "etc/ssh",
      "etc/apt/apt.conf.d",
      "var/lib",
      "var/log",
      "dev/disk/by-id",
      "mnt",
      "root/.ssh",
    ]) {
      fs.mkdirSync(path.join(this.root, folder), { recursive: true });
    }
    this.write("etc/ssh/ssh_host_ed25519_key.pub", `${this.hostKey} root@host\n`);
    this.write("etc/fstab", "");
    this.write("etc/apt/apt.conf.d/20auto-upgrades", "");
    this.write("root/.ssh/authorized_keys", "");
    this.write(device, "");
    for (const name of [
      "apt-get",
      "apt-cache",
      "systemctl",
      "mkfs.ext4",
      "mount",
      "docker",
      "blkid",
      "mountpoint",
      "curl",
    ]) {
      this.answer(name, 0);
    }
    this.answer("mountpoint", 1);
    this.answer("blkid", 2);
  }

  /** What a program answers from now on. */
  answer(program: string, status: number): void {
    const file = path.join(this.#bin, program);
    fs.writeFileSync(file, `#!/bin/sh\necho "${program} $*" >> "${this.#calls}"\nexit ${status}\n`, { mode: 0o755 });
  }

  run(script: string): { readonly status: number | null; readonly calls: string[] } {
    // Absolute paths lead below the folder.
    const moved = script.replaceAll(/(?<![\w./])\/(etc|var|mnt|root|dev\/disk)\b/g, `${this.root}/$1`);
    fs.rmSync(this.#calls, { force: true });
    const { status } = spawnSync("/bin/sh", ["-c", moved], {
      env: { PATH: `${this.#bin}:${process.env["PATH"] ?? ""}` },
      timeout: 300_000,
    });
    const calls = fs.existsSync(this.#calls)
      ? fs.readFileSync(this.#calls, "utf8").replaceAll(this.root, "").trim().split("\n")
      : [];
    return { status, calls };
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.root, file), "utf8").replaceAll(this.root, "");
  }

  write(file: string, text: string): void {
    fs.writeFileSync(path.join(this.root, file), text);
  }

  remove(): void {
    fs.rmSync(this.root, { recursive: true });
  }
}

describe("the user data of a Droplet", () => {
  const script = dropletUserData({ nonce: "a1b2c3", volume: "odoo-data", user: "root" });
  let host: PaperHost;
  beforeEach(() => {
    host = new PaperHost();
  });
  afterEach(() => host.remove());

  it("is a script that a POSIX shell takes, within DigitalOcean's limit", () => {
    for (const user of ["root", "deploy"]) {
      for (const volume of [undefined, "odoo-data"]) {
        execFileSync("/bin/sh", ["-n"], { input: dropletUserData({ nonce: "a1b2c3", volume, user }) });
      }
    }
    assert.ok(script.startsWith("#!/bin/sh\n"));
    assert.ok(Buffer.byteLength(script) < 64 * 1024);
  });

  it("proves the host's own key with the nonce, and keeps the nonce out of every argument", () => {
    const { status, calls } = host.run(script);
    assert.equal(status, 0, host.read("var/log/odoo-ship-setup.log"));
    assert.equal(
      host.read("var/lib/odoo-ship-setup/proof"),
      `${createHmac("sha256", "a1b2c3").update(host.hostKey).digest("hex")}\n`,
    );
    assert.equal(host.read("var/lib/odoo-ship-setup/state"), "done\n");
    assert.ok(!calls.join("\n").includes("a1b2c3"));
    assert.ok(!host.read("var/log/odoo-ship-setup.log").includes("a1b2c3"));
  });

  it("makes a file system on a volume that is empty, and mounts it by its name", () => {
    const { calls } = host.run(script);
    assert.ok(calls.includes(`mkfs.ext4 -q -L odoo-data ${device}`), calls.join("\n"));
    assert.ok(calls.includes("mount /mnt/odoo-data"));
    assert.equal(host.read("etc/fstab"), `${device} /mnt/odoo-data ext4 defaults,nofail,discard,noatime 0 2\n`);
  });

  it("never formats a volume that has anything on it", () => {
    host.answer("blkid", 0);
    const { status, calls } = host.run(script);
    assert.equal(status, 0);
    assert.ok(!calls.some((call) => call.startsWith("mkfs")), calls.join("\n"));
    assert.ok(calls.includes("mount /mnt/odoo-data"));
  });

  it("ends, and says where, when nobody can tell what is on the volume", () => {
    host.answer("blkid", 8);
    const { status, calls } = host.run(script);
    assert.notEqual(status, 0);
    assert.ok(!calls.some((call) => call.startsWith("mkfs") || call.startsWith("mount ")));
    assert.equal(host.read("var/lib/odoo-ship-setup/state"), "failed: mounting the volume odoo-data\n");
  });

  it("changes nothing of the disks when it runs again", () => {
    host.run(script);
    host.answer("mountpoint", 0);
    host.answer("blkid", 0);
    const { status, calls } = host.run(script);
    assert.equal(status, 0);
    assert.ok(!calls.some((call) => /^(mkfs|mount |blkid)/.test(call)));
    assert.equal(host.read("etc/fstab").trim().split("\n").length, 1);
  });

  it("keeps Docker from starting without the volume", () => {
    host.run(script);
    assert.match(
      host.read("etc/systemd/system/docker.service.d/odoo-data.conf"),
      /^RequiresMountsFor=.*\/mnt\/odoo-data$/m,
    );
  });

  it("installs nothing on a host that has everything", () => {
    assert.ok(!host.run(script).calls.some((call) => call.startsWith("apt-get")));
  });

  it("installs the distribution's Docker where there is none", () => {
    host.answer("docker", 1);
    const { status, calls } = host.run(script);
    assert.equal(status, 0);
    assert.ok(calls.some((call) => call.includes("install --no-install-recommends docker.io docker-compose-v2")));
  });

  it("says that it failed when Docker cannot be installed", () => {
    host.answer("docker", 1);
    host.answer("apt-get", 100);
    assert.notEqual(host.run(script).status, 0);
    assert.equal(host.read("var/lib/odoo-ship-setup/state"), "failed: installing Docker\n");
  });

  it("takes no word that a shell would read as more than a word", () => {
    assert.throws(() => dropletUserData({ nonce: "a'; reboot", volume: undefined, user: "root" }));
    assert.throws(() => dropletUserData({ nonce: "a", volume: "x$(reboot)", user: "root" }));
  });
});
