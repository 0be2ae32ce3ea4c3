import * as os from "node:os";
import * as path from "node:path";

const root = path.resolve(__dirname, "..");

/** Directories of the sandbox. `state` belongs to one checkout; `cache` holds built or downloaded tools for all of them. */
export const paths = {
  root,
  state: process.env["SANDBOX_STATE_DIR"] ?? path.join(root, ".sandbox"),
  cache: process.env["SANDBOX_CACHE_DIR"] ?? path.join(os.homedir(), ".cache", "odoo-sandbox"),
} as const;

/** Where the registry answers: one reference must work for the program, Docker and every sandbox machine. */
export const registryAddress = "127.0.0.1:5055";
/** The DigitalOcean API. */
export const apiAddress = "127.0.0.1:5056";
/** The real registry behind the authenticating front. */
export const registryBackendPort = 5057;

/** Logs in to a cluster that is used in the place of the sandbox's own. */
export const userKubeconfig = process.env["SANDBOX_KUBECONFIG"];

/** The addresses of machines, clusters and databases: each has its own. */
export const networkRange = "198.18.77.0/24";

/** Prefix and label of every Docker object that the sandbox makes, so that `down` finds exactly its own. */
export const containerPrefix = "odoo-sandbox";
