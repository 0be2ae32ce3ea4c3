import { spawn } from "node:child_process";
import type { ClusterCredentials, ClusterMachines, PullLogin } from "../digitalocean/cluster-machines";
import { objectLabel, objectLabelName, objectLabelValue } from "../containers/docker";
import { ask, run } from "../process";
import { integrationLabel, pullSecret } from "./pull-secret";

const second = 1000;
const account = "odoo-sandbox";
const namespace = "kube-system";
const storageClass = "do-block-storage";
const retainingClass = "do-block-storage-retain";
const labels = { [objectLabelName]: objectLabelValue };

/**
 * A cluster that its user has, of kind, k3d or Docker Desktop, in the place of the sandbox's own. It wants kubectl, a default storage
 * class, services of type LoadBalancer that get an address, and nodes whose 127.0.0.1:5055 leads to the sandbox's registry.
 * @param kubeconfig path of a file that logs in as an administrator; its current context is used.
 */
export function userCluster(kubeconfig: string): ClusterMachines {
  const kubectl = async (args: readonly string[], what: string, input?: string): Promise<string> => {
    const answer = await run("kubectl", ["--kubeconfig", kubeconfig, ...args], {
      what,
      limitMs: 60 * second,
      input: input ?? "",
    });
    return answer.stdout.trim();
  };
  const apply = (items: readonly object[], what: string): Promise<string> =>
    kubectl(["apply", "--server-side", "--force-conflicts", "--filename", "-"], what, list(items));
  const setRegistry = async (registry: PullLogin | undefined): Promise<void> => {
    copying?.end();
    copying = undefined;
    await kubectl(
      ["delete", "secret", "--all-namespaces", "--selector", integrationLabel],
      "taking the pull secret away",
    );
    if (registry === undefined) return;
    copying = inEveryNamespace(kubeconfig, (name) =>
      apply([pullSecret(registry, name)], `giving ${name} the pull secret`),
    );
  };
  let copying: { end(): void } | undefined;
  return {
    async createCluster({ registry }) {
      await apply(
        [...administrator(), ...(await blockStorage(kubectl))],
        "preparing the cluster of SANDBOX_KUBECONFIG",
      );
      await setRegistry(registry);
    },
    async clusterStatus() {
      const args = ["--kubeconfig", kubeconfig, "get", "--raw", "/readyz"];
      const ready = await ask("kubectl", args, { what: "asking whether the cluster is ready", limitMs: 10 * second });
      return ready === undefined ? "off" : "running";
    },
    async clusterCredentials(): Promise<ClusterCredentials> {
      const view = ["config", "view", "--raw", "--flatten", "--minify", "--output"];
      const cluster = "{.clusters[0].cluster";
      const server = await kubectl([...view, `jsonpath=${cluster}.server}`], "reading where the cluster answers");
      const ca = await kubectl(
        [...view, `jsonpath=${cluster}.certificate-authority-data}`],
        "reading the cluster's authority",
      );
      const token = await kubectl(
        ["--namespace", namespace, "create", "token", account, "--duration", "168h"],
        "asking for a token",
      );
      return { server, ca: Buffer.from(ca, "base64").toString(), token };
    },
    setRegistry: (_, registry) => setRegistry(registry),
    async removeCluster() {
      await setRegistry(undefined);
      const selector = ["--selector", objectLabel];
      await kubectl(
        ["delete", "clusterrolebinding,storageclass", ...selector],
        "leaving the cluster of SANDBOX_KUBECONFIG",
      );
      await kubectl(
        ["--namespace", namespace, "delete", "serviceaccount", ...selector],
        "leaving the cluster of SANDBOX_KUBECONFIG",
      );
    },
  };
}

function administrator(): readonly object[] {
  const subject = { kind: "ServiceAccount", name: account, namespace };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace, labels } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: account, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [subject],
    },
  ];
}

interface StorageClass {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

/** The cluster's own default class under the names that DigitalOcean's have. */
async function blockStorage(kubectl: (args: readonly string[], what: string) => Promise<string>): Promise<object[]> {
  const answer = await kubectl(["get", "storageclasses", "--output", "json"], "looking for a storage class");
  const { items } = JSON.parse(answer) as { items: readonly StorageClass[] };
  const standard = items.find(
    ({ metadata }) => metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true",
  );
  if (standard === undefined) throw new Error("the cluster of SANDBOX_KUBECONFIG has no default storage class");
  return [
    { ...standard, metadata: { name: storageClass, labels } },
    { ...standard, metadata: { name: retainingClass, labels }, reclaimPolicy: "Retain" },
  ];
}

/** Does it in every namespace, and in those that come. */
function inEveryNamespace(kubeconfig: string, body: (name: string) => Promise<unknown>): { end(): void } {
  const watch = ["get", "namespaces", "--watch", "--output", 'jsonpath={.metadata.name}{"\\n"}'];
  let ended = false;
  let child: ReturnType<typeof spawn> | undefined;
  const follow = (): void => {
    if (ended) return;
    child = spawn("kubectl", ["--kubeconfig", kubeconfig, ...watch], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout?.setEncoding("utf8").on("data", (lines: string) => {
      for (const name of lines.split("\n").filter((line) => line !== "")) {
        body(name).catch((error: unknown) => console.error("cluster of SANDBOX_KUBECONFIG:", error));
      }
    });
    // The API server ends a watch now and then; one that is away is asked again.
    child.once("close", () => setTimeout(follow, 2 * second).unref());
    child.once("error", () => undefined);
  };
  follow();
  return {
    end() {
      ended = true;
      child?.kill();
    },
  };
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
