import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import { text } from "../schema";
import { isMap, type Value, type ValueMap } from "../values";
import { listAt, messageOf, textAt } from "./objects";

/** How to reach a cluster, from a kubeconfig. */
export interface Connection {
  readonly server: string;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized?: false;
  };
  /** The Authorization header; empty with a client certificate. A helper's token is asked for once, and again when its time is over. */
  authorization(): string;
  /** Lets go a helper's token that was refused; whether there was one. */
  forgetToken(): boolean;
}

/** A kubeconfig that cannot be used, with the reason. */
export class KubeconfigError extends Error {}

/**
 * The connection that the provider's configuration names: `kubeconfig` (content or path), else the files of KUBECONFIG, else
 * `~/.kube/config`; `context`, `cluster` and `namespace` override what is in it.
 * @throws KubeconfigError
 */
export function readConnection(config: ValueMap): Connection {
  const { content, directory } = load(config);
  const context = named(content, "contexts", text(config, "context") ?? textAt(content, "current-context"), "context");
  const cluster = named(content, "clusters", text(config, "cluster") ?? textAt(context, "cluster"), "cluster");
  const user = textAt(context, "user") === "" ? {} : named(content, "users", textAt(context, "user"), "user");
  const server = textAt(cluster, "server");
  if (server === "") throw new KubeconfigError("the kubeconfig's cluster has no server");
  const [ca, cert, key] = [
    material(cluster, "certificate-authority", directory),
    material(user, "client-certificate", directory),
    material(user, "client-key", directory),
  ];
  const servername = textAt(cluster, "tls-server-name");
  return {
    server,
    namespace:
      [text(config, "namespace"), textAt(context, "namespace")].find((name) => name !== undefined && name !== "") ??
      "default",
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(servername !== "" && { servername }),
      ...(cluster["insecure-skip-tls-verify"] === true && { rejectUnauthorized: false as const }),
    },
    ...authorizationOf(user, directory),
  };
}

/**
 * The cluster that a configuration leads to, for comparing two of them; `undefined` where it cannot be told. A new token for
 * the same cluster is the same cluster.
 */
export function activeCluster(config: ValueMap): ValueMap | undefined {
  try {
    const { content } = load(config);
    const context = named(
      content,
      "contexts",
      text(config, "context") ?? textAt(content, "current-context"),
      "context",
    );
    return named(content, "clusters", text(config, "cluster") ?? textAt(context, "cluster"), "cluster");
  } catch {
    return undefined;
  }
}

function load(config: ValueMap): { readonly content: ValueMap; readonly directory: string } {
  const given = text(config, "kubeconfig");
  if (given !== undefined && given !== "") return parseKubeconfig(given);
  const [file = path.join(os.homedir(), ".kube", "config")] = (process.env["KUBECONFIG"] ?? "")
    .split(path.delimiter)
    .filter((name) => name !== "");
  if (!fs.existsSync(file))
    throw new KubeconfigError(`no kubeconfig: the provider has none, and ${file} does not exist`);
  return parseKubeconfig(file);
}

function parseKubeconfig(pathOrContent: string): { readonly content: ValueMap; readonly directory: string } {
  const expanded = pathOrContent.replace(/^~(?=\/|$)/, os.homedir());
  const isFile = !expanded.includes("\n") && fs.existsSync(expanded);
  let content: Value;
  try {
    content = parse(isFile ? fs.readFileSync(expanded, "utf8") : pathOrContent) as Value;
  } catch (error) {
    // The parser quotes the line in which it gave up, and that may hold a token.
    throw new KubeconfigError(`the kubeconfig is not YAML${isFile ? `: ${messageOf(error)}` : ""}`);
  }
  if (!isMap(content)) throw new KubeconfigError("the kubeconfig is neither a file that exists nor the content of one");
  return { content, directory: isFile ? path.dirname(path.resolve(expanded)) : process.cwd() };
}

function named(content: ValueMap, list: "contexts" | "clusters" | "users", name: string, what: string): ValueMap {
  const found = listAt(content, list).find((item) => item["name"] === name)?.[what];
  if (!isMap(found)) throw new KubeconfigError(`the kubeconfig has no ${what} "${name}"`);
  return found;
}

/** Content in base64 (`<name>-data`), or a file beside the kubeconfig. */
function material(entry: ValueMap, name: string, directory: string): string | undefined {
  const data = textAt(entry, `${name}-data`);
  if (data !== "") return Buffer.from(data, "base64").toString("utf8");
  const file = textAt(entry, name);
  return file === "" ? undefined : readBeside(directory, file);
}

function readBeside(directory: string, file: string): string {
  try {
    return fs.readFileSync(path.resolve(directory, file), "utf8");
  } catch (error) {
    throw new KubeconfigError(messageOf(error));
  }
}

function authorizationOf(user: ValueMap, directory: string): Pick<Connection, "authorization" | "forgetToken"> {
  const { exec } = user;
  if (fixedAuthorization(user, directory) !== "" || !isMap(exec)) {
    return { authorization: () => fixedAuthorization(user, directory), forgetToken: () => false };
  }
  let kept: { readonly token: string; readonly until: number } | undefined;
  return {
    authorization: () => {
      if (kept === undefined || Date.now() >= kept.until) kept = execToken(exec);
      return `Bearer ${kept.token}`;
    },
    forgetToken: () => {
      const had = kept !== undefined;
      kept = undefined;
      return had;
    },
  };
}

function fixedAuthorization(user: ValueMap, directory: string): string {
  const file = textAt(user, "tokenFile");
  const token = file === "" ? textAt(user, "token") : readBeside(directory, file).trim();
  if (token !== "") return `Bearer ${token}`;
  if (textAt(user, "username") !== "")
    return `Basic ${Buffer.from(`${textAt(user, "username")}:${textAt(user, "password")}`).toString("base64")}`;
  return "";
}

/** A token is asked for anew so long before its end. */
const earlyMs = 10_000;

/** Runs a credential helper (`doctl kubernetes cluster kubeconfig exec-credential …`). */
function execToken(exec: ValueMap): { readonly token: string; readonly until: number } {
  const args = Array.isArray(exec["args"]) ? exec["args"].map(String) : [];
  const more = Object.fromEntries(listAt(exec, "env").map((item) => [textAt(item, "name"), textAt(item, "value")]));
  const info = JSON.stringify({
    apiVersion: textAt(exec, "apiVersion"),
    kind: "ExecCredential",
    spec: { interactive: false },
  });
  try {
    const output = execFileSync(textAt(exec, "command"), args, {
      encoding: "utf8",
      env: { ...process.env, ...more, KUBERNETES_EXEC_INFO: info },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
    });
    const answer = JSON.parse(output) as Value;
    const end = Date.parse(textAt(answer, "status", "expirationTimestamp"));
    return { token: textAt(answer, "status", "token"), until: Number.isNaN(end) ? Infinity : end - earlyMs };
  } catch (error) {
    throw new KubeconfigError(`the kubeconfig's credential command failed: ${messageOf(error)}`);
  }
}
