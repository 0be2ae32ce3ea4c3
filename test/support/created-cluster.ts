import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { PaperApiserver } from "../../sandbox/test/helpers/paper-apiserver";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { scopesFor } from "./documented-scopes";
import { PaperClusters } from "./paper-clusters";
import { PaperControllers } from "./paper-controllers";

/** A stack that makes its cluster. The cluster's apiserver and controllers are on paper: no pod runs. */
export class CreatedCluster {
  readonly apiserver = new PaperApiserver();
  readonly clusters = new PaperClusters(this.apiserver);
  readonly running = new RunningServers(undefined, { actionMs: 0, clusters: this.clusters });
  #controllers: PaperControllers | undefined;
  #stack: TestStack | undefined;
  #token = "";

  /** The stack, which was not updated yet, and the digest of its image. */
  async start() {
    const { apiserver, running } = this;
    await apiserver.start();
    const controllers = new PaperControllers(apiserver);
    this.#controllers = controllers;
    await running.start();
    await running.createRegistry();
    const digest = await running.push("team/odoo", "v1");
    // A token with what is documented for such a stack, and no more.
    this.#token = running.servers.api.limitedToken(scopesFor("registry, adopted", "cluster, created"));
    const stack = new TestStack(
      { ...running.servers, token: this.#token },
      {
        "registry:ownership": "adopt",
        "image:digest": digest,
        "doks:mode": "create",
        "doks:domain": "erp.example.com",
        "doks:region": "fra1",
        "doks:version": "1.33.6-do.0",
        "doks:nodeSize": "s-4vcpu-8gb",
      },
    );
    this.#stack = stack;
    await stack.init("vault");
    return { controllers, stack, digest };
  }

  async remove(): Promise<void> {
    this.#controllers?.stop();
    this.#stack?.remove();
    this.apiserver.stop();
    await this.running.remove();
  }

  /** Of the API. */
  get token(): string {
    return this.#token;
  }

  /** Paths of the Jobs that bring releases. */
  jobs(): string[] {
    return [...this.apiserver.objects.keys()].filter((name) => name.includes("/jobs/odoo-upgrade-"));
  }

  /** The Deployment of Odoo. */
  web() {
    return this.apiserver.objects.get("/apis/apps/v1/namespaces/odoo/deployments/odoo");
  }
}
