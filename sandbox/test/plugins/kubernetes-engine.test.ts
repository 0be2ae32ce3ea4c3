import assert from "node:assert/strict";

import { TestStack } from "../helpers/test-stack";
import { textAt } from "../../plugins/kubernetes/objects";
import { PaperApiserver } from "../helpers/paper-apiserver";

/** What a release declares: settings and keys with names made up, and what runs with them. */
const program = `
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const given = (name: string): string => process.env["SHOP_" + name] ?? "";
const provider = new k8s.Provider("cluster", { kubeconfig: pulumi.secret(given("KUBECONFIG")), clusterIdentifier: "paper" });
const namespace = new k8s.core.v1.Namespace("shop", { metadata: { name: "shop" } }, { provider });
const options = { provider, dependsOn: [namespace] };
const settings = new k8s.core.v1.ConfigMap("settings", { data: { mode: given("MODE") } }, options);
const keys = new k8s.core.v1.Secret("keys", { stringData: { key: pulumi.secret(given("KEY")) } }, options);
const pod = {
  volumes: [{ name: "settings", configMap: { name: settings.metadata.name } }, { name: "keys", secret: { secretName: keys.metadata.name } }],
  containers: [{ name: "web", image: "web", args: [], resources: { limits: { cpu: "0.5" } } }],
};
const labels = { app: "web" };
new k8s.apps.v1.Deployment("web", {
  metadata: { name: "web", annotations: { "pulumi.com/skipAwait": given("SKIP"), "pulumi.com/timeoutSeconds": "600" } },
  spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
}, options);
export const name = settings.metadata.name;
`;

const web = "/apis/apps/v1/namespaces/shop/deployments/web";
const setting = (name: string): string => `/api/v1/namespaces/shop/configmaps/${name}`;

// Proves what the engine makes of the stand-in; how a real apiserver answers is shown with one.
describe("Kubernetes objects, on the real engine", () => {
  const apiserver = new PaperApiserver();
  let stack: TestStack;
  before(async () => {
    await apiserver.start();
    stack = new TestStack({ apiUrl: "http://127.0.0.1:1", token: "none", registryAddress: "127.0.0.1:1" });
    stack.setVariable("KUBECONFIG", undefined);
    stack.config = {};
    const variables = { KUBECONFIG: apiserver.kubeconfig(), KEY: "hunter22-planted", MODE: "plain", SKIP: "true" };
    for (const [name, value] of Object.entries(variables)) stack.setVariable(`SHOP_${name}`, value);
    stack.write("index.ts", program);
    await stack.init("vault");
  });
  after(() => {
    stack.remove();
    apiserver.stop();
  });

  const run = async (...args: string[]): Promise<string> => {
    const { status, output } = await stack.pulumi(...args, "--non-interactive", "--color", "never");
    assert.equal(status, 0, output);
    return output;
  };
  const up = (...args: string[]): Promise<string> => run("up", "--yes", "--skip-preview", ...args);

  it("changes nothing in a preview", async () => {
    assert.match(await run("preview"), /\+ 6 to create/);
    assert.deepEqual([...apiserver.objects.keys()], []);
  });

  it("are made in their order, and are the same in a second update and after a refresh", async () => {
    await up();
    const { name = "" } = await stack.outputs();
    assert.match(name, /^settings-[0-9a-f]{8}$/);
    const made = apiserver.writes().filter((line) => line.startsWith("POST"));
    assert.equal(made.at(-1), "POST /apis/apps/v1/namespaces/shop/deployments");
    assert.ok(made.includes("POST /api/v1/namespaces"));
    // As the server would keep it.
    apiserver.put(web, { spec: { replicas: 1 }, status: {} });
    await up("--expect-no-changes");
    await run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    await up("--expect-no-changes");
    assert.deepEqual(apiserver.writes(), []);
  });

  it("do not show their secrets in the state", () => {
    const stored = stack.storedText();
    for (const planted of ["planted-token", "hunter22-planted", Buffer.from("hunter22-planted").toString("base64")]) {
      assert.ok(!stored.includes(planted), planted);
    }
  });

  it("get new names for new data, and the old ones go last", async () => {
    const { name: before = "" } = await stack.outputs();
    stack.setVariable("SHOP_MODE", "fancy");
    await up();
    const { name: after = "" } = await stack.outputs();
    assert.notEqual(after, before);
    assert.equal(JSON.stringify(apiserver.objects.get(web)).includes(after), true);
    const writes = apiserver.writes();
    assert.equal(writes.at(-1), `DELETE ${setting(before)}`);
    assert.deepEqual(writes.filter((line) => line.startsWith("DELETE")).length, 1);
  });

  it("show what was changed by hand, and are mended", async () => {
    const { name = "" } = await stack.outputs();
    apiserver.put(setting(name), { data: { mode: "by hand" } });
    const output = await run("refresh", "--yes", "--skip-preview", "--diff");
    assert.match(output, /mode: "fancy" => "by hand"/);
    await up();
    const { name: mended = "" } = await stack.outputs();
    assert.equal(textAt(apiserver.objects.get(setting(mended)), "data", "mode"), "fancy");
    await up("--expect-no-changes");
  });

  it("stay in the state when the update is interrupted while it waits", async () => {
    stack.setVariable("SHOP_SKIP", "false");
    const { status, output } = await stack.endedUpdate(/waiting for the Deployment controller/, "SIGINT");
    assert.notEqual(status, 0);
    assert.match(output, /Resource operation was cancelled for "web"/);
    stack.setVariable("SHOP_SKIP", "true");
    await up();
    await up("--expect-no-changes");
  });

  it("follow new credentials without being touched, and go with nothing left", async () => {
    apiserver.writes();
    stack.setVariable("SHOP_KUBECONFIG", `${apiserver.kubeconfig()}# issued again\n`);
    await up();
    assert.deepEqual(apiserver.writes(), []);
    await run("destroy", "--yes", "--skip-preview");
    assert.deepEqual([...apiserver.objects.keys()], []);
  });
});
