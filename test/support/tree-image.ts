import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { Builder } from "../../bench/builder";
import { planBuild } from "../../components/image/plan";
import { paths } from "../../sandbox/config";
import { baseRecord } from "../../sandbox/images/base";
import type { ServersFile } from "../../sandbox/servers";
import type { Settings } from "../../settings";
import type { Files } from "../fixtures/addons/module";

const usual: Settings["image"] = {
  digest: "",
  flavour: "delta",
  addons: ["addons"],
  ocaAddons: [],
  repos: "",
  modules: ["release_info"],
  baseRecord: "base.json",
  caFile: "ca.crt",
  pythonPackages: [],
  systemPackages: [],
  locales: [],
  postgresqlClient: 0,
  wkhtmltopdf: "",
  epoch: "1",
  platform: "linux/amd64",
  source: "",
};

interface Surroundings {
  /** PEM file of another authority for the build to trust. */
  readonly authority?: string | undefined;
  /** Does what else is to be done in the project's folder, once its files are there. */
  readonly prepare?: ((project: string) => void) | undefined;
}

/**
 * Builds the working tree's image, with the sandbox's base, in a folder of its own.
 * @param name last part of the image's name
 * @param more files of the project, in the place of or beside the tree's
 * @returns the image's name, for `docker rmi`
 */
export async function buildTree(
  servers: ServersFile,
  name: string,
  settings: Partial<Settings["image"]> = {},
  more: Files = {},
  { authority, prepare }: Surroundings = {},
): Promise<string> {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), `image-${name}-`));
  try {
    for (const folder of ["images", "addons"]) {
      fs.cpSync(path.join(paths.root, folder), path.join(project, folder), { recursive: true });
    }
    fs.copyFileSync(baseRecord, path.join(project, "base.json"));
    const authorities = [path.join(paths.state, "ca.crt"), ...(authority === undefined ? [] : [authority])];
    fs.writeFileSync(path.join(project, "ca.crt"), authorities.map((file) => fs.readFileSync(file, "utf8")).join("\n"));
    for (const [file, content] of Object.entries(more)) {
      fs.mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
      fs.writeFileSync(path.join(project, file), content);
    }
    prepare?.(project);
    const { context, args } = await planBuild(project, { ...usual, ...settings });
    const folder = path.join(project, context);
    const dockerfile = path.join(folder, "Dockerfile");
    const build = { name, dockerfile, target: "runtime", context: folder, args, fresh: false };
    const login = { ...servers.pull, serveraddress: servers.registryAddress };
    return (await new Builder(login).build(build, () => undefined)).image;
  } finally {
    fs.rmSync(project, { recursive: true });
  }
}
