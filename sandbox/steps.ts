import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "./config";
import { waitForDroplets } from "./droplets";
import { logInToRegistry, writeToolPaths } from "./environment";
import { baseRecord, ensureOdooBase, ensurePostgres, ensureProxy } from "./images/base";
import { ensureNodeImage } from "./kubernetes/cluster";
import { checkClusterAddresses, checkMachineAddresses, preflight, writeCaFile } from "./preflight";
import type { Step } from "./progress";
import { endOrphans } from "./removal";
import { startServersInBackground } from "./servers-control";
import type { Progress } from "./tools/cache";
import { ensureDocker } from "./tools/docker-engine";
import { engineKind, ensureEngine, ensureLanguageHost } from "./tools/engine";
import { ensurePlugins } from "./tools/plugins";
import { ensureRegistryBinary } from "./tools/registry-binary";
import { ensureVpsImage } from "./vps/machine";

/** Makes the Pulumi engine, its language host and the provider plugins ready, and notes where they are. */
export async function prepareTools(progress: Progress): Promise<void> {
  const engine = await ensureEngine(progress);
  const languageHost = await ensureLanguageHost(engine, progress);
  writeToolPaths({ engine, languageHost });
  const kinds = await ensurePlugins(engine, progress);
  const plugins = Object.entries(kinds).map(([name, kind]) => `${name} ${kind}`);
  progress(`engine ${engineKind(engine)}; plugins: ${plugins.join(", ")}`);
}

/** The base images in the sandbox's registry and in the engine, with their records. */
export async function prepareImages(progress: Progress): Promise<void> {
  const odoo = await ensureOdooBase(progress);
  await ensurePostgres(progress);
  await ensureProxy(progress);
  if (odoo.origin === "built") {
    progress(`odoo:18.0 cannot be pulled here: the sandbox runs Odoo ${odoo.series} from Debian packages instead`);
  }
}

/** What a droplet's machine is made from, and that one can be reached. */
export async function prepareMachines(progress: Progress): Promise<void> {
  await checkMachineAddresses();
  await ensureVpsImage(progress);
}

/** What a cluster's node is made from, and that one can be reached. */
export async function prepareNodes(progress: Progress): Promise<void> {
  await checkClusterAddresses();
  await ensureNodeImage(progress);
}

/** Everything around the program, in groups of steps that may run at the same time. */
export function hostSteps(): readonly (readonly Step[])[] {
  const toolsThere = fs.existsSync(path.join(paths.state, "tools.json"));
  const imagesThere = fs.existsSync(baseRecord);
  return [
    [
      {
        title: "Preflight",
        typicalSeconds: 1,
        run: async (progress) => {
          await endOrphans(progress);
          await preflight();
          writeCaFile();
        },
      },
    ],
    [{ title: "Docker engine", typicalSeconds: 1, run: async (progress) => void (await ensureDocker(progress)) }],
    [
      {
        title: "DigitalOcean API and registry",
        typicalSeconds: 3,
        run: async (progress) => {
          await ensureRegistryBinary(progress);
          const servers = await startServersInBackground();
          await logInToRegistry(servers);
          await waitForDroplets(servers, progress);
        },
      },
    ],
    [
      { title: "Pulumi engine and plugins", typicalSeconds: toolsThere ? 1 : 200, run: prepareTools },
      { title: "Base images", typicalSeconds: imagesThere ? 3 : 420, run: prepareImages },
      { title: "VPS image", typicalSeconds: imagesThere ? 1 : 60, run: prepareMachines },
      { title: "Kubernetes node", typicalSeconds: imagesThere ? 1 : 420, run: prepareNodes },
    ],
  ];
}
