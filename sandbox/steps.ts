import * as fs from "node:fs";
import * as path from "node:path";
import { paths, userKubeconfig } from "./config";
import { waitForDroplets } from "./droplets";
import { logInToRegistry, writeToolPaths } from "./environment";
import { baseRecord, ensureOdooBase, ensurePostgres, ensureProxy } from "./images/base";
import { ensureNodeImage } from "./kubernetes/cluster";
import { checkClusterAddresses, checkMachineAddresses, preflight, writeCaFile } from "./preflight";
import type { Step } from "./progress";
import { endOrphans } from "./removal";
import { startServersInBackground } from "./servers-control";
import { part, type Progress } from "./tools/cache";
import { proxyProgramThere } from "./tools/caddy-binary";
import { ensureDocker } from "./tools/docker-engine";
import { engineKind, ensureEngine, ensureLanguageHost } from "./tools/engine";
import { ensurePlugins } from "./tools/plugins";
import { nodeProgramsThere } from "./tools/kubernetes-binaries";
import { ensureRegistryBinary } from "./tools/registry-binary";
import { ensureVpsImage } from "./vps/machine";

/** Makes the Pulumi engine, its language host and the provider plugins ready, and notes where they are. */
export async function prepareTools(progress: Progress): Promise<void> {
  const engine = await ensureEngine(part(progress, 0, 0.9));
  const languageHost = await ensureLanguageHost(engine, part(progress, 0.9, 1));
  writeToolPaths({ engine, languageHost });
  const kinds = await ensurePlugins(engine, progress);
  const plugins = Object.entries(kinds).map(([name, kind]) => `${name} ${kind}`);
  progress(`engine ${engineKind(engine)}; plugins: ${plugins.join(", ")}`);
}

/** The base images in the sandbox's registry and in the engine, with their records. */
export async function prepareImages(progress: Progress): Promise<void> {
  const odoo = await ensureOdooBase(part(progress, 0, 0.8));
  await ensurePostgres(part(progress, 0.8, 1));
  if (odoo.origin === "built") {
    progress(`odoo:18.0 cannot be pulled here: the sandbox runs Odoo ${odoo.series} from Debian packages instead`);
  }
}

/** What a cluster's node is made from. */
async function prepareNodes(progress: Progress): Promise<void> {
  if (userKubeconfig !== undefined) return progress("the cluster of SANDBOX_KUBECONFIG is used");
  await ensureNodeImage(progress);
}

/** What would make a run fail late is refused at once. */
async function prepareDocker(progress: Progress): Promise<void> {
  await ensureDocker(progress);
  await checkMachineAddresses();
  if (userKubeconfig === undefined) await checkClusterAddresses();
}

async function startServers(progress: Progress): Promise<void> {
  await ensureRegistryBinary(progress);
  const servers = await startServersInBackground();
  await logInToRegistry(servers);
  // A first run that was cut has ordered a cluster whose parts are still compiled: the VPS does not wait for it.
  await waitForDroplets(
    servers,
    progress,
    (what) => nodeProgramsThere() || !what.startsWith("making the Kubernetes cluster"),
  );
}

/** The last of what is compiled: nothing but the cluster needs it. */
export const clusterStep = "Kubernetes node";
/** The steps whose results an update needs before it begins; a cluster that is ordered is there when {@link clusterStep} has ended. */
export const beforeUpdate = ["Pulumi engine and plugins", "Base images", "VPS image", "Proxy"] as const;

/**
 * Everything around the program. Compilers work one after the other, what the VPS needs first; beside them Debian packages are downloaded
 * and installed, which wait for network and disk most of the time.
 */
export function hostSteps(): readonly Step[] {
  const [engine, images, vps, proxy] = beforeUpdate;
  const servers = "DigitalOcean API and registry";
  const toolsThere = fs.existsSync(path.join(paths.state, "tools.json"));
  const imagesThere = fs.existsSync(baseRecord);
  return [
    {
      title: "Preflight",
      work: 1,
      run: async (progress) => {
        await endOrphans(progress);
        await preflight();
        writeCaFile();
      },
    },
    { title: "Docker engine", work: toolsThere ? 1 : 20, run: prepareDocker },
    { title: servers, work: 4, run: startServers },
    { title: engine, after: ["Preflight"], work: toolsThere ? 1 : 290, run: prepareTools },
    { title: images, after: [servers], work: imagesThere ? 3 : 180, run: prepareImages },
    {
      title: vps,
      after: [images],
      work: imagesThere ? 1 : 40,
      run: async (progress) => void (await ensureVpsImage(progress)),
    },
    {
      title: proxy,
      after: [servers, engine],
      work: proxyProgramThere() ? 3 : 120,
      run: async (progress) => void (await ensureProxy(progress)),
    },
    { title: clusterStep, after: [proxy], work: nodeProgramsThere() ? 3 : 440, run: prepareNodes },
  ];
}
