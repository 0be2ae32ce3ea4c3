import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { paths } from "../../sandbox/config";
import { sandboxEnvironment } from "../../sandbox/environment";
import { readServers } from "../../sandbox/servers-control";
import { stackOutputs } from "../../sandbox/stack";
import { type Address, Endpoint, readAuthority } from "./endpoint";
import { npm } from "./npm";

/** How a command on the host ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The host that `npm start` made, as its operator reaches it: by the stack's outputs, over SSH with the key and the pinned host key. */
export class SandboxHost {
  private constructor(
    readonly url: URL,
    readonly address: string,
    /** Certificate of the authority that signs for the domain, PEM. */
    public ca: string,
    private readonly identity: readonly string[],
    private readonly home: string,
  ) {}

  static async open(): Promise<SandboxHost> {
    if (readServers() === undefined || !("vpsUrl" in (await stackOutputs({ servers: readServers() })))) {
      const { status, output } = await npm(["start"]);
      assert.equal(status, 0, output);
    }
    const { vpsUrl, vpsAddress, vpsHostKey } = (await stackOutputs({ servers: readServers() })) as Record<
      string,
      string
    >;
    assert.ok(
      vpsUrl !== undefined && vpsAddress !== undefined && vpsHostKey !== undefined,
      "npm start ended without a VPS",
    );
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "vps-operator-"));
    const [key, known] = [path.join(home, "key"), path.join(home, "known")];
    fs.writeFileSync(key, sandboxEnvironment(readServers())["VPS_SSH_PRIVATE_KEY"] ?? "", { mode: 0o600 });
    fs.writeFileSync(known, `${vpsAddress} ${vpsHostKey}\n`);
    const identity = [
      "-i",
      key,
      "-o",
      `UserKnownHostsFile=${known}`,
      "-o",
      "StrictHostKeyChecking=yes",
      "-o",
      "IdentityAgent=none",
    ];
    const host = new SandboxHost(new URL(vpsUrl), vpsAddress, "", identity, home);
    host.ca = host.sh(readAuthority);
    return host;
  }

  close(): void {
    fs.rmSync(this.home, { recursive: true });
  }

  /** Runs a shell script as root. */
  run(script: string, input = ""): Ended {
    const options = ["-q", "-F", "none", ...this.identity, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];
    return spawnSync("ssh", [...options, `root@${this.address}`, script], {
      encoding: "utf8",
      input,
      timeout: 300_000,
      maxBuffer: 64 << 20,
    });
  }

  /** As {@link run}, for a script that must end well; answers its standard output. */
  sh(script: string, input = ""): string {
    const { status, stdout, stderr } = this.run(script, input);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** The proxy, with its certificate verified. */
  get proxy(): Address {
    return { host: this.address, port: 443, domain: this.url.hostname, ca: this.ca };
  }

  endpoint(): Endpoint {
    return new Endpoint(this.proxy);
  }
}

/** Keeps the administrator's first password, and nothing else, for other tests and runs: the host shows it once. */
export const passwordFile = path.join(paths.state, "first-login");
