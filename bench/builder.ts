import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { DockerEngine } from "../sandbox/plugins/docker/engine";
import { BuildLog } from "../sandbox/plugins/docker/build-log";
import { readContext } from "../sandbox/plugins/docker/context";
import { eachMessage } from "../sandbox/plugins/docker/messages";
import { registryAuth, type RegistryAuth } from "../sandbox/plugins/docker/registry-auth";
import { openSession } from "../sandbox/plugins/docker/session";
import { tarStream } from "../sandbox/plugins/docker/tar";
import { seconds } from "./measure";

const repository = "odoo-bench";
const buildLimitMs = 20 * 60_000;
const askLimitMs = 60_000;

/** A file to build from, and what both files are given. */
export interface Build {
  /** Last part of the image's name. */
  readonly name: string;
  /**
   * Another name of the image, with its tag. @default one of the benchmarks' own, which {@link Builder.removeImages}
   * finds
   */
  readonly image?: string;
  readonly dockerfile: string;
  /** Stage of the file; the last one without it. */
  readonly target?: string;
  readonly context: string;
  readonly args: Readonly<Record<string, string>>;
  /** Whether nothing may come from the engine's cache. */
  readonly fresh: boolean;
}

/**
 * Builds images with BuildKit through the engine's API, so that no command-line plugin is needed; its images go with
 * {@link removeImages}.
 */
export class Builder {
  readonly #engine = new DockerEngine();

  /** @param login for the registry that holds the base image */
  constructor(private readonly login: RegistryAuth) {}

  /** Seconds that a build takes, and the name of its image. */
  async build(build: Build, progress: (line: string) => void): Promise<{ seconds: number; image: string }> {
    const image = build.image ?? `${repository}/${build.name}:${randomUUID()}`;
    return { seconds: await seconds(() => this.#build(build, image, progress)), image };
  }

  /** Size of an image in bytes, all layers together, not compressed. */
  async size(image: string): Promise<number> {
    return ((await this.#ask("GET", `/images/${image}/json`)) as { Size: number }).Size;
  }

  async engineVersion(): Promise<string> {
    return ((await this.#ask("GET", "/version")) as { Version: string }).Version;
  }

  /**
   * Removes the images of this run and of one that was killed: those of the benchmarks' own names, or of `repository`.
   * The layers stay in the build cache until `docker builder prune`.
   */
  async removeImages(of = `${repository}/*`): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ reference: [of] }));
    const images = (await this.#ask("GET", `/images/json?filters=${filters}`)) as {
      RepoTags: readonly string[] | null;
    }[];
    // An image may have a name that is somebody else's, too.
    const own = (tag: string) => tag.startsWith(of.replace(/\*$/, ""));
    for (const tag of images.flatMap((image) => image.RepoTags ?? []).filter(own)) {
      await this.#ask("DELETE", `/images/${tag}`);
    }
  }

  async #build(build: Build, image: string, progress: (line: string) => void): Promise<void> {
    const signal = AbortSignal.timeout(buildLimitMs);
    const credentials = (host: string) =>
      host === this.login.serveraddress ? this.login : registryAuth(host, undefined, undefined);
    const session = await openSession(this.#engine, credentials, signal);
    // The name under which the tar holds the file: the context of the program has a Dockerfile of its own.
    const dockerfile = ".dockerfile.bench";
    const query = new URLSearchParams({
      version: "2",
      t: image,
      dockerfile,
      session: session.id,
      buildargs: JSON.stringify(build.args),
      ...(build.target === undefined ? {} : { target: build.target }),
      ...(build.fresh ? { nocache: "1" } : {}),
    });
    const log = new BuildLog(progress);
    try {
      const body = await this.#engine.stream({
        method: "POST",
        path: `/build?${query.toString()}`,
        headers: { "content-type": "application/x-tar" },
        body: tarStream(readContext(build.context, path.join(build.context, "Dockerfile")), {
          name: dockerfile,
          file: build.dockerfile,
        }),
        signal,
      });
      await eachMessage(body, (message) => log.take(message));
    } catch (error) {
      const reason = signal.aborted
        ? `not done after ${buildLimitMs / 60_000} minutes`
        : error instanceof Error
          ? error.message
          : String(error);
      throw new Error(`building ${image} failed: ${reason}\n${log.explain()}`, { cause: error });
    } finally {
      session.close();
    }
  }

  #ask(method: string, url: string): Promise<unknown> {
    return this.#engine.json({ method, path: url, signal: AbortSignal.timeout(askLimitMs) });
  }
}

/**
 * Copies a Dockerfile, and gives its cache mounts a name of this run. Cache mounts outlive a build without cache, and a
 * first build must find none. Throws if the file has no cache mount where `expected` says that it has.
 */
export function copyWithFreshMounts(from: string, to: string, expected: boolean): void {
  const text = fs.readFileSync(from, "utf8");
  const fresh = text.replaceAll("--mount=type=cache,", `--mount=type=cache,id=${repository}-${randomUUID()},`);
  if ((fresh !== text) !== expected)
    throw new Error(
      `${path.basename(from)} has ${expected ? "no" : "a"} cache mount of the form --mount=type=cache,...`,
    );
  fs.writeFileSync(to, fresh);
}
