import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** What the Docker engine wants to know to pull from or push to a registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/** Host of a full image name; a name without one is refused, as by the official plugin. */
export function registryOf(imageName: string): string {
  const [host = "", ...rest] = imageName.split("/");
  if (rest.length > 0 && (/[.:]/.test(host) || host === "localhost")) return host;
  throw new Error(
    `"${imageName}": This resource requires all image names to be fully qualified, for example docker.io/repository/image:tag`,
  );
}

/** The given credentials, else those of Docker's own configuration file for the host; `undefined` when there are none. */
export function registryAuth(
  host: string,
  username: string | undefined,
  password: string | undefined,
): RegistryAuth | undefined {
  if (username && password) return { username, password, serveraddress: host };
  return fromDockerConfig(host);
}

function fromDockerConfig(host: string): RegistryAuth | undefined {
  const file = path.join(process.env["DOCKER_CONFIG"] ?? path.join(os.homedir(), ".docker"), "config.json");
  if (!fs.existsSync(file)) return undefined;
  const { auths } = JSON.parse(fs.readFileSync(file, "utf8")) as {
    auths?: Record<string, { auth?: string } | undefined>;
  };
  const decoded = Buffer.from(auths?.[host]?.auth ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return colon < 0
    ? undefined
    : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), serveraddress: host };
}
