import type { Provider } from "../resource";
import { text } from "../schema";
import { DockerEngine } from "./engine";
import { image } from "./image";

const noTls = "the stand-in speaks to a socket or to plain TCP only";

/** Docker: images, through the engine's HTTP API. */
export function docker(): Provider {
  const engine = new DockerEngine();
  return {
    name: "docker",
    config: {
      caMaterial: { type: "string", unsupported: noTls },
      certMaterial: { type: "string", unsupported: noTls },
      certPath: { type: "string", unsupported: noTls },
      context: { type: "string", unsupported: "set host" },
      disableDockerDaemonCheck: { type: "boolean" },
      host: { type: "string" },
      keyMaterial: { type: "string", secret: true, unsupported: noTls },
      registryAuth: { type: { array: "any" }, unsupported: "give each image its registry" },
      sshOpts: { type: { array: "string" }, unsupported: noTls },
    },
    resources: [image(engine)],
    functions: [],
    configure: (config) => engine.configure(text(config, "host")),
  };
}
