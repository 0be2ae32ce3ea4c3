import * as assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { paperClusters } from "../../digitalocean/cluster-machines";
import { mintToken, withTokens } from "../../digitalocean/kubernetes-client";
import { DropletServers, refusal } from "../helpers/droplet-servers";

const service = (type: string, ip?: string) => ({
  metadata: { uid: "4de7ac8b-495b-4884-9a69-1050c6793cd6", creationTimestamp: "2026-11-21T10:00:00Z" },
  spec: { type, ports: [{ port: 443, nodePort: 30443, protocol: "TCP" }] },
  status: { loadBalancer: ip === undefined ? {} : { ingress: [{ ip }] } },
});

/** An API server that answers by what it was asked, without TLS. What a real one answers is shown in test/e2e. */
class PaperApiServer {
  readonly asked: string[] = [];
  answers: Readonly<Record<string, { readonly status: number; readonly body: unknown }>> = {};
  private readonly server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const call = `${request.method ?? ""} ${request.url ?? ""}`;
      this.asked.push(`${call} ${request.headers.authorization ?? ""} ${Buffer.concat(chunks).toString()}`.trim());
      const { status, body } = this.answers[call] ?? { status: 404, body: { message: "not found" } };
      response.writeHead(status).end(JSON.stringify(body));
    });
  });

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  close(): void {
    this.server.close();
  }
}

describe("what the sandbox's DigitalOcean API asks of a cluster", () => {
  const running = new DropletServers();
  const apiServer = new PaperApiServer();
  before(async () => {
    await running.start();
    await apiServer.listen();
    running.clusters.server = apiServer.url;
  });
  afterEach(() => running.clear());
  after(async () => {
    apiServer.close();
    await running.remove();
  });

  it("tells its services of type LoadBalancer as load balancers, and no other service", async () => {
    const cluster = await running.cluster("erp");
    const items = [service("LoadBalancer", "127.0.0.21"), service("LoadBalancer"), service("ClusterIP")];
    apiServer.answers = { "GET /api/v1/services": { status: 200, body: { items } } };
    const listed = await running.api("GET", "/v2/load_balancers");
    assert.deepEqual(listed.all("load_balancers", "ip"), ["127.0.0.21"]);
    const id = String(listed.at("load_balancers", 0, "id"));
    const one = await running.api("GET", `/v2/load_balancers/${id}`);
    assert.deepEqual(
      ["name", "status", "vpc_uuid"].map((key) => one.at("load_balancer", key)),
      [
        "a4de7ac8b495b48849a691050c6793cd6",
        "active",
        (await running.api("GET", `/v2/kubernetes/clusters/${cluster}`)).at("kubernetes_cluster", "vpc_uuid"),
      ],
    );
    assert.deepEqual(
      ["entry_port", "target_port", "entry_protocol"].map((key) => one.at("load_balancer", "forwarding_rules", 0, key)),
      [443, 30443, "tcp"],
    );
    assert.equal((await running.api("GET", "/v2/load_balancers/other")).status, 404);
    assert.match(
      refusal(await running.api("DELETE", `/v2/load_balancers/${id}`)),
      /^422 .* belong to Kubernetes services/,
    );
    assert.match(refusal(await running.api("POST", "/v2/load_balancers", {})), /^422/);
  });

  it("tells none of a cluster that does not answer", async () => {
    await running.cluster("erp");
    apiServer.answers = {};
    assert.deepEqual((await running.api("GET", "/v2/load_balancers")).at("load_balancers"), []);
  });

  it("mints tokens that the cluster lets expire, for at least ten minutes", async () => {
    const made = { status: 201, body: {} };
    const there = { status: 409, body: { message: "already exists" } };
    const minting = {
      "POST /api/v1/namespaces/kube-system/serviceaccounts": there,
      "POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings": made,
      "POST /api/v1/namespaces/kube-system/serviceaccounts/digitalocean-access/token": {
        status: 201,
        body: { status: { token: "minted" } },
      },
    };
    apiServer.answers = minting;
    const credentials = { server: apiServer.url, ca: "", token: "admin" };
    apiServer.asked.length = 0;
    assert.equal(await mintToken(credentials, 3600), "minted");
    assert.match(
      apiServer.asked.at(-1) ?? "",
      /Bearer admin \{"spec":\{"audiences":\[\],"expirationSeconds":3600\}\}$/,
    );
    await mintToken(credentials, 60);
    assert.match(apiServer.asked.at(-1) ?? "", /"expirationSeconds":600/);
    apiServer.answers = {};
    await assert.rejects(mintToken(credentials, 60), /serviceaccounts: 404 .*not found/);

    const id = await running.cluster("erp");
    const credentialsOf = async () =>
      (await running.api("GET", `/v2/kubernetes/clusters/${id}/credentials?expiry_seconds=900`)).at("token");
    assert.match(String(await credentialsOf()), /^token-/);
    apiServer.answers = minting;
    const { clusterCredentials } = running.clusters;
    const minted = withTokens({
      ...paperClusters(),
      clusterCredentials: (of) => clusterCredentials.call(running.clusters, of),
    });
    running.clusters.clusterToken = minted.clusterToken;
    assert.equal(await credentialsOf(), "minted");
    assert.match(apiServer.asked.at(-1) ?? "", /"expirationSeconds":900/);
    running.clusters.clusterToken = undefined;
  });
});
