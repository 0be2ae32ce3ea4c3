import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { Builder } from "../../bench/builder";
import { paths, registryAddress } from "../../sandbox/config";
import { baseRecord } from "../../sandbox/images/base";
import type { readServers } from "../../sandbox/servers-control";
import type { Files } from "../fixtures/addons/module";

/** Images of the working tree on the sandbox's base, each built in a copy of the project. */
export class ImageBuild {
  readonly #project = fs.mkdtempSync(path.join(os.tmpdir(), "image-build-"));
  readonly #builder: Builder;

  /** @param more files of the project beside those of the tree */
  constructor(servers: NonNullable<ReturnType<typeof readServers>>, more: Files = {}) {
    this.#builder = new Builder({ ...servers.pull, serveraddress: registryAddress });
    // As somebody has cloned it: what Git does not know is not there.
    const cloned = ["ls-files", "-z", "images", "addons", "Dockerfile", ".dockerignore"];
    const known = execFileSync("git", cloned, { cwd: paths.root, encoding: "utf8" }).split("\0").filter(Boolean);
    for (const name of known)
      fs.cpSync(path.join(paths.root, name), path.join(this.#project, name), { recursive: true });
    for (const [file, content] of Object.entries(more)) {
      fs.mkdirSync(path.dirname(path.join(this.#project, file)), { recursive: true });
      fs.writeFileSync(path.join(this.#project, file), content);
    }
    fs.copyFileSync(baseRecord, path.join(this.#project, "base.json"));
    fs.copyFileSync(path.join(paths.state, "ca.crt"), path.join(this.#project, "ca.crt"));
  }

  /** As `docker build .` at the root does, with what is this network's own; answers its name. */
  async plain(target: "runtime" | "builder"): Promise<string> {
    const base = JSON.parse(fs.readFileSync(baseRecord, "utf8")) as Record<"reference" | "digest" | "series", string>;
    const ignore = path.join(this.#project, ".dockerignore");
    const rules = fs.readFileSync(ignore, "utf8");
    if (!rules.includes("!ca.crt")) fs.writeFileSync(ignore, `${rules}!ca.crt\n`);
    return this.#build("plain", this.#project, target, {
      BASE_IMAGE: `${base.reference}@${base.digest}`,
      SERIES: base.series,
      CA_FILE: "ca.crt",
      PYTHON_PACKAGES: "",
      POSTGRESQL_CLIENT: "0",
      WKHTMLTOPDF_VERSION: "",
    });
  }

  remove(): void {
    fs.rmSync(this.#project, { recursive: true });
  }

  async #build(name: string, context: string, target: string, args: Record<string, string>): Promise<string> {
    const dockerfile = path.join(context, "Dockerfile");
    return (await this.#builder.build({ name, dockerfile, target, context, args, fresh: false }, () => undefined))
      .image;
  }
}
