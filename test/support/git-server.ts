import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { Files } from "../fixtures/addons/module";
import { python } from "./python";

const script = path.join(__dirname, "..", "fixtures", "git_server.py");

/** Public Git repositories at https, with an authority of their own. */
export class GitServer {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), "git-server-"));
  /** The authority's certificate, PEM. */
  readonly authority = path.join(this.#folder, "authority.crt");
  #process: ChildProcess | undefined;
  #port = 0;

  /** @param address where it listens, for who comes from elsewhere */
  async start(address = "127.0.0.1"): Promise<void> {
    const key = path.join(this.#folder, "key.pem");
    const name = ["-subj", "/CN=git", "-addext", `subjectAltName=IP:${address}`, "-days", "2"];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", this.authority, ...name];
    execFileSync("openssl", request, { stdio: "pipe" });
    fs.mkdirSync(path.join(this.#folder, "repositories"));
    const args = ["-B", script, path.join(this.#folder, "repositories"), this.authority, key, address];
    this.#process = spawn(python, args, { stdio: ["ignore", "pipe", "ignore"] });
    const [port] = (await once(this.#process.stdout ?? this.#process, "data")) as [Buffer];
    this.#port = Number(String(port));
  }

  /** Address of a repository, also of one that is not there. */
  url(name: string, address = "127.0.0.1"): string {
    return `https://${address}:${this.#port}/${name}`;
  }

  /**
   * Adds a commit to a repository, which is made if it is not there.
   * @returns the commit
   */
  commit(name: string, files: Files): string {
    const folder = path.join(this.#folder, "repositories", name);
    if (!fs.existsSync(folder)) execFileSync("git", ["init", "-q", "-b", "18.0", folder]);
    for (const [file, content] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      fs.writeFileSync(path.join(folder, file), content);
    }
    this.git(name, "add", "-A");
    this.git(
      name,
      "-c",
      "user.name=t",
      "-c",
      "user.email=t@example.com",
      "commit",
      "-q",
      "--allow-empty",
      "-m",
      "a commit",
    );
    return this.git(name, "rev-parse", "HEAD");
  }

  git(name: string, ...words: readonly string[]): string {
    const folder = path.join(this.#folder, "repositories", name);
    return execFileSync("git", ["-C", folder, ...words], { encoding: "utf8" }).trim();
  }

  stop(): void {
    this.#process?.kill();
    fs.rmSync(this.#folder, { recursive: true });
  }
}
