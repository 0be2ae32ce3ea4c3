import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { bakedModules, type BakedModule, type ContextFile } from "../../../components/image/context";
import { users } from "../../../components/odoo/users";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { run } from "../../../sandbox/process";
import type { ServersFile } from "../../../sandbox/servers";
import { stackOutputs } from "../../../sandbox/stack";
import { type AddonFiles, ledger, notes, trialAddons, type Variant, versionOf } from "./addons";

const limitMs = 10 * 60_000;

/** A release in the registry. */
export interface TrialRelease {
  /** `repository@sha256:…` */
  readonly image: string;
  /** What the running Odoo answers when it is asked which release it is. */
  readonly contentHash: string;
}

/** What the image says about itself in /opt/odoo/release.json. */
export interface ReleaseFile {
  readonly version: string;
  readonly revision: string;
  readonly created: string;
  readonly series: string;
  readonly contentHash: string;
  readonly modules: Readonly<Record<string, BakedModule>>;
}

/** Host of the sandbox's registry and folder of its repositories for releases of trials, of which each kind has one. */
export const trialRepositories = "127.0.0.1:5055/sandbox";

/** Repositories of trials of hosts and of clusters. */
type Repository = "host-trial" | "cluster-trial";

/**
 * Releases that differ from the sandbox's own in their addons only: its image with the trial modules on top, pushed to
 * a repository of the trial's own: another one that runs beside it moves the tags of its stack. Each is made once. What is under test is the way to a host, not the product's build, which has tests of its own.
 */
export class TrialReleases {
  readonly #made = new Map<string, Promise<TrialRelease>>();
  readonly #directory = fs.mkdtempSync(path.join(os.tmpdir(), "trial-releases-"));

  private constructor(
    private readonly repository: string,
    private readonly base: string,
    private readonly baseRelease: ReleaseFile,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** On top of the release that the sandbox's stack names. */
  static async open(servers: ServersFile, name: Repository): Promise<TrialReleases> {
    const environment = sandboxEnvironment(servers);
    const { imageReference } = await stackOutputs({ servers });
    if (typeof imageReference !== "string") throw new Error("the sandbox's stack names no image: npm start");
    const docker = (...args: string[]) =>
      run("docker", args, { what: `docker ${args[0] ?? ""}`, limitMs, env: environment });
    await docker("pull", "-q", imageReference);
    const { stdout } = await docker(
      "run",
      "--rm",
      "--network",
      "none",
      "--entrypoint",
      "cat",
      imageReference,
      "/opt/odoo/release.json",
    );
    return new TrialReleases(
      `${trialRepositories}/${name}`,
      imageReference,
      JSON.parse(stdout) as ReleaseFile,
      environment,
    );
  }

  /** A reference that the registry does not know. */
  static nowhere(name: Repository): string {
    return `${trialRepositories}/${name}@sha256:${randomBytes(32).toString("hex")}`;
  }

  /**
   * Builds and pushes the release unless that has been done.
   * @param ballastMiB size of a file beside the modules that no other release has: a pull that takes room
   * @param packages of the distribution, as image:systemPackages brings them
   */
  make(variant: Variant, level: number, ballastMiB = 0, packages: readonly string[] = []): Promise<TrialRelease> {
    const key = JSON.stringify([variant, level, ballastMiB, ...packages]);
    const made = this.#made.get(key) ?? this.#make(trialAddons(variant, level), key, ballastMiB, packages);
    this.#made.set(key, made);
    return made;
  }

  remove(): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  async #make(addons: AddonFiles, key: string, ballastMiB: number, packages: readonly string[]): Promise<TrialRelease> {
    const name = sha256(key).slice(0, 12);
    const context = path.join(this.#directory, name);
    const release = releaseFile(this.baseRelease, addons);
    const write = (file: string, text: string) => {
      fs.mkdirSync(path.dirname(path.join(context, file)), { recursive: true });
      fs.writeFileSync(path.join(context, file), text);
    };
    for (const [file, text] of Object.entries(addons)) write(`addons/${file}`, text);
    fs.writeFileSync(path.join(context, "ballast"), randomBytes(ballastMiB << 20));
    write("release.json", `${JSON.stringify(release, undefined, 2)}\n`);
    write("Dockerfile", dockerfile(this.base, release, packages));
    const tag = `${this.repository}:${name}-${process.pid}`;
    const options = { limitMs, env: { ...this.environment, DOCKER_BUILDKIT: "0" } };
    await run("docker", ["build", "-q", "--force-rm", "-t", tag, context], {
      ...options,
      what: `building the release ${key}`,
    });
    try {
      const { stdout } = await run("docker", ["push", tag], { ...options, what: `pushing the release ${key}` });
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1];
      if (digest === undefined) throw new Error(`docker push named no digest:\n${stdout}`);
      return { image: `${this.repository}@${digest}`, contentHash: release.contentHash };
    } finally {
      await run("docker", ["rmi", tag], { ...options, what: "removing the local copy of a release" });
    }
  }
}

/** The digest of an image that is named by it. */
export function digestOf({ image }: { readonly image: string }): string {
  const [, digest] = image.split("@");
  if (digest === undefined) throw new Error(`${image} is not named by its digest`);
  return digest;
}

/** Of `host:port/sandbox/name@sha256:…` what `registry:repository` names. */
export function repositoryOf(image: string): string {
  const [address = ""] = image.split("@");
  return address.slice(address.indexOf("/") + 1);
}

/** The base release's description with the trial modules in it, hashed as the product hashes its own. */
export function releaseFile(base: ReleaseFile, addons: AddonFiles): ReleaseFile {
  const files = Object.entries(addons).map(([file, text]): ContextFile => ({
    target: `extra-addons/${file}`,
    source: file,
    executable: false,
    sha256: sha256(text),
  }));
  const names = [ledger, notes].filter((name) => `${name}/__manifest__.py` in addons);
  const own = bakedModules(
    files.sort((a, b) => (a.target < b.target ? -1 : 1)),
    names.map((name) => ({ name, path: `addons/${name}`, version: versionOf(addons, name) })),
  );
  const modules = Object.fromEntries(Object.entries({ ...base.modules, ...own }).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...base, modules, contentHash: sha256(JSON.stringify([base.contentHash, modules])) };
}

function dockerfile(base: string, release: ReleaseFile, packages: readonly string[]): string {
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")} && apt-get clean`;
  return [
    `FROM ${base}`,
    ...(packages.length === 0 ? [] : ["USER 0:0", `RUN ${install}`, `USER ${users.odoo.uid}:${users.odoo.gid}`]),
    "COPY --chown=0:0 addons /opt/odoo/extra-addons",
    "COPY --chown=0:0 release.json /opt/odoo/release.json",
    "COPY ballast /opt/trial-ballast",
    `LABEL io.odoo.content-hash=${JSON.stringify(release.contentHash)} io.odoo.modules=${JSON.stringify(JSON.stringify(release.modules))}`,
    "",
  ].join("\n");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
