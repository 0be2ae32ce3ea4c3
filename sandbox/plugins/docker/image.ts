import * as fs from "node:fs";
import * as path from "node:path";
import type { Checked, Resource } from "../resource";
import { text, type Properties } from "../schema";
import { hasUnknown, isMap, sameValue, type Value, type ValueMap } from "../values";
import { buildAndPush } from "./build-and-push";
import { hashContext } from "./context";
import type { DockerEngine } from "./engine";
import { registryOf } from "./registry-auth";

const build: Properties = {
  addHosts: { type: { array: "string" } },
  args: { type: { map: "string" } },
  builderVersion: { type: { oneOf: ["BuilderV1", "BuilderBuildKit"] } },
  cacheFrom: {
    type: { object: { images: { type: { array: "string" } } } },
    unsupported: "BuildKit's local cache is used",
  },
  context: { type: "string" },
  dockerfile: { type: "string" },
  network: { type: "string" },
  platform: { type: "string" },
  target: { type: "string" },
};

/** `docker.Image`; the id is the image's name. */
export function image(engine: DockerEngine): Resource {
  return {
    token: "docker:index/image:Image",
    sdk: { file: "image.d.ts", args: "ImageArgs", result: "Image" },
    inputs: {
      build: { type: { object: build } },
      buildOnPreview: { type: "boolean", default: false },
      imageName: { type: "string", required: true },
      registry: {
        type: {
          object: {
            password: { type: "string", secret: true },
            server: { type: "string" },
            username: { type: "string" },
          },
        },
      },
      skipPush: { type: "boolean", default: false },
    },
    outputs: {
      baseImageName: { type: "string", required: true },
      context: { type: "string", required: true },
      dockerfile: { type: "string", required: true },
      imageName: { type: "string", required: true },
      platform: { type: "string" },
      registryServer: { type: "string", required: true },
      repoDigest: { type: "string", required: true },
    },
    inputsKey: "__inputs",
    check: async (call): Promise<Checked> => {
      const { inputs } = call;
      if (inputs["buildOnPreview"] === true) {
        const reason = '"buildOnPreview" is not supported by the sandbox\'s stand-in plugin: a preview changes nothing';
        return { failures: [{ property: "buildOnPreview", reason }], add: {} };
      }
      const name = text(inputs, "imageName");
      if (inputs["skipPush"] !== true && name !== undefined) registryOf(name);
      const given = inputs["build"] ?? {};
      if (!isMap(given)) return { failures: [], add: {} };
      let add = contextInputs(given);
      if (given["platform"] === undefined) {
        add = { ...add, platform: hostPlatform() };
        call.info(`Building your image for ${hostPlatform()} architecture; set \`platform\` to be sure of it.`);
      }
      return { failures: [], add: { build: add } };
    },
    // Credentials may be new for every update: they are no reason to build again.
    differs: (name, old, now) => name !== "registry" || !sameValue(server(old), server(now)),
    async create(call) {
      return { id: text(call.inputs, "imageName") ?? "", outputs: await buildAndPush(engine, call) };
    },
    update: (call) => buildAndPush(engine, call),
    // An image stays in its registry, as with the official plugin.
    delete: async () => undefined,
  };
}

/** The Dockerfile's and the context's paths with their defaults, and the context's hash, unless one of them is not known yet. */
function contextInputs(given: ValueMap): ValueMap {
  if (hasUnknown(given["context"]) || hasUnknown(given["dockerfile"])) return {};
  const context = text(given, "context") ?? ".";
  const dockerfile = text(given, "dockerfile") ?? path.join(context, "Dockerfile");
  if (!fs.existsSync(dockerfile)) {
    const inContext = path.join(context, dockerfile);
    const hint = fs.existsSync(inContext) ? ` Try setting \`dockerfile\` to "${inContext}"` : "";
    throw new Error(`could not open dockerfile at relative path "${dockerfile}".${hint}`);
  }
  return { context, dockerfile, contextDigest: hashContext(context, dockerfile) };
}

function server(registry: Value | undefined): Value | undefined {
  return isMap(registry) ? registry["server"] : registry;
}

function hostPlatform(): string {
  return `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
}
