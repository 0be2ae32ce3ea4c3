import * as path from "node:path";
import type { Call } from "../resource";
import { text, textMap, texts } from "../schema";
import { isMap, type ValueMap } from "../values";
import { BuildLog } from "./build-log";
import { readContext } from "./context";
import type { DockerEngine } from "./engine";
import { eachMessage } from "./messages";
import { registryAuth, registryOf, type RegistryAuth } from "./registry-auth";
import { openSession } from "./session";
import { tarStream } from "./tar";

const pushLimitMinutes = 10;
/** The engine tells the progress of each layer many times a second. */
const shownEveryMs = 1000;

/** Builds the image of these inputs and pushes it, unless `skipPush`. Answers the outputs of `docker.Image`. */
export async function buildAndPush(engine: DockerEngine, call: Call): Promise<ValueMap> {
  const { inputs } = call;
  const build = isMap(inputs["build"]) ? inputs["build"] : {};
  const registry = isMap(inputs["registry"]) ? inputs["registry"] : {};
  const imageName = text(inputs, "imageName") ?? "";
  const skipPush = inputs["skipPush"] === true;
  const host = skipPush
    ? undefined
    : (text(registry, "server")
        ?.replace(/^https?:\/\//, "")
        .split("/")[0] ?? registryOf(imageName));
  const given =
    host === undefined ? undefined : registryAuth(host, text(registry, "username"), text(registry, "password"));
  const imageId = await buildImage(engine, call, imageName, build, (asked) =>
    asked === host ? given : registryAuth(asked, undefined, undefined),
  );
  const context = text(build, "context") ?? ".";
  return {
    dockerfile: path.relative(context, text(build, "dockerfile") ?? path.join(context, "Dockerfile")),
    context,
    baseImageName: imageName,
    registryServer: text(registry, "server") ?? "",
    imageName,
    platform: text(build, "platform") ?? "",
    repoDigest: skipPush ? imageId : await pushImage(engine, call, imageName, given),
  };
}

async function buildImage(
  engine: DockerEngine,
  call: Call,
  imageName: string,
  build: ValueMap,
  credentialsOf: (host: string) => RegistryAuth | undefined,
): Promise<string> {
  const context = text(build, "context") ?? ".";
  const dockerfile = text(build, "dockerfile") ?? path.join(context, "Dockerfile");
  const inside = path.relative(context, dockerfile).split(path.sep).join("/");
  const outside = inside.startsWith("../") ? { name: ".dockerfile.outside", file: dockerfile } : undefined;
  const buildKit = text(build, "builderVersion") !== "BuilderV1";
  const session = buildKit ? await openSession(engine, credentialsOf, call.signal) : undefined;
  const query = new URLSearchParams({
    version: buildKit ? "2" : "1",
    t: imageName,
    dockerfile: outside?.name ?? inside,
    buildargs: JSON.stringify(textMap(build["args"])),
    ...(session !== undefined && { session: session.id }),
    ...given("platform", text(build, "platform")),
    ...given("target", text(build, "target")),
    ...given("networkmode", text(build, "network")),
  });
  for (const extraHost of texts(build["addHosts"])) query.append("extrahosts", extraHost);
  const log = new BuildLog((line) => call.progress(line));
  let imageId: string | undefined;
  try {
    call.progress(`Building ${imageName}`);
    const body = await engine.stream({
      method: "POST",
      path: `/build?${query.toString()}`,
      headers: { "content-type": "application/x-tar" },
      body: tarStream(readContext(context, dockerfile), outside),
      signal: call.signal,
    });
    await eachMessage(body, (message) => {
      imageId = field(message.aux, "ID") ?? imageId;
      log.take(message);
    });
  } catch (error) {
    call.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      [`building ${imageName} failed: ${message}`, log.explain()].filter((part) => part !== "").join("\n"),
      { cause: error },
    );
  } finally {
    session?.close();
  }
  if (imageId === undefined) throw new Error("no image id found in build output");
  return imageId;
}

async function pushImage(
  engine: DockerEngine,
  call: Call,
  imageName: string,
  auth: RegistryAuth | undefined,
): Promise<string> {
  const { repository, tag } = splitName(imageName);
  const limit = AbortSignal.timeout(pushLimitMinutes * 60_000);
  let digest: string | undefined;
  let shown = 0;
  try {
    call.progress(`Pushing ${imageName}`);
    const body = await engine.stream({
      method: "POST",
      path: `/images/${repository}/push?tag=${encodeURIComponent(tag)}`,
      headers: { "x-registry-auth": headerValue(auth) },
      signal: AbortSignal.any([call.signal, limit]),
    });
    await eachMessage(body, (message) => {
      digest = field(message.aux, "Digest") ?? digest;
      if (message.progress !== undefined && Date.now() - shown < shownEveryMs) return;
      if (message.progress !== undefined) shown = Date.now();
      call.progress([message.id, message.status, message.progress].filter((part) => part !== undefined).join(" "));
    });
  } catch (error) {
    call.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      limit.aborted
        ? `PUSH_TIMEOUT: pushing ${imageName} was not finished after ${pushLimitMinutes} minutes`
        : `pushing ${imageName} failed: ${message}`,
      { cause: error },
    );
  }
  if (digest === undefined) throw new Error(`pushing ${imageName}: the Docker engine's answer holds no digest`);
  return `${repository}@${digest}`;
}

/** The engine reads URL-safe base64 with its padding, which Node's `base64url` leaves out; without it the login is dropped in silence. */
function headerValue(auth: RegistryAuth | undefined): string {
  return Buffer.from(JSON.stringify(auth ?? {}))
    .toString("base64")
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** A colon before the last slash belongs to the registry's port. */
function splitName(imageName: string): { repository: string; tag: string } {
  const colon = imageName.indexOf(":", imageName.lastIndexOf("/") + 1);
  return colon < 0
    ? { repository: imageName, tag: "latest" }
    : { repository: imageName.slice(0, colon), tag: imageName.slice(colon + 1) };
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined || value === "" ? {} : { [name]: value };
}

function field(aux: unknown, name: "ID" | "Digest"): string | undefined {
  if (typeof aux !== "object" || aux === null || !(name in aux)) return undefined;
  const value = (aux as Record<typeof name, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}
