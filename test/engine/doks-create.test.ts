import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { textAt } from "../../sandbox/plugins/kubernetes/objects";
import { CreatedCluster } from "../support/created-cluster";
import { undocumented } from "../support/documented-secrets";
import type { PaperControllers } from "../support/paper-controllers";
import { findIn } from "../support/secret-search";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";

// What the program and the engine make of it. That pods run is shown with a real node.
describe("an update that makes its cluster, on the real engine", function () {
  const cluster = new CreatedCluster();
  const { apiserver, running } = cluster;
  const workers = () => [...apiserver.objects.keys()].filter((name) => name.includes("/configmaps/doks-odoo-worker-"));
  const firstPassword = () =>
    Buffer.from(
      textAt(apiserver.objects.get("/api/v1/namespaces/odoo/secrets/odoo-first-login"), "data", "first-password"),
      "base64",
    ).toString();
  let controllers: PaperControllers;
  let stack: TestStack;
  let digest: string;
  let newer: string;

  before(async () => {
    ({ controllers, stack, digest } = await cluster.start());
    newer = await running.push("team/odoo", "v2", "another layer");
  });
  after(() => cluster.remove());

  it("changes nothing in a preview", async () => {
    const before = running.changes;
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.match(output, /digitalocean:index\/kubernetesCluster:KubernetesCluster/);
    assert.match(output, /kubernetes:batch\/v1:Job/);
    assert.equal(running.changes, before);
    assert.equal(apiserver.objects.size, 0);
  });

  it("makes cluster and objects, the release's Job before its pods", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const outputs = await stack.outputs();
    assert.deepEqual(
      [outputs["doksUrl"], outputs["doksAddress"], outputs["doksDigest"]],
      ["https://erp.example.com", "203.0.113.21", digest],
    );
    const made = apiserver.seen.flatMap(({ method, path, query }) =>
      method === "PATCH" && query["dryRun"] === undefined ? [path] : [],
    );
    const place = (plural: string) =>
      made.findIndex((path) => path.split("/").at(-2) === plural && !path.includes("/jobs/odoo-db-fits-"));
    const looked = made.findIndex((path) => path.includes("/jobs/odoo-db-fits-"));
    assert.ok(looked > place("networkpolicies") && looked < place("statefulsets"), made.join("\n"));
    assert.ok(place("namespaces") === 0 && place("networkpolicies") < place("jobs"), made.join("\n"));
    assert.ok(place("statefulsets") < place("jobs"));
    // The edge's may be before it.
    assert.ok(made.lastIndexOf("/apis/apps/v1/namespaces/odoo/deployments/odoo") > place("jobs"));
  });

  it("leaves no credential in the state: not the cluster's, no password", async () => {
    const shown = (await stack.pulumi("stack", "export", "--show-secrets")).output;
    const secrets = [...apiserver.objects].filter(([name]) => name.includes("/secrets/"));
    const values = secrets.flatMap(([, object]) => Object.values(object["data"] as Record<string, string>));
    assert.ok(values.length >= 5);
    const stored = stack.storedText();
    for (const value of values) {
      const text = Buffer.from(value, "base64").toString();
      assert.ok(!stored.includes(value) && (text.length < 20 || !stored.includes(text)));
    }
    // The cluster's own resource keeps one, encrypted; the provider has none at all.
    const { deployment } = JSON.parse(shown) as { deployment: { resources: { type: string; inputs: object }[] } };
    const provider = deployment.resources.find(({ type }) => type === "pulumi:providers:kubernetes");
    assert.ok(provider !== undefined && !JSON.stringify(provider).includes("planted-token"));
    assert.ok(!stored.includes("planted-token"));
  });

  it("has no secret in the state but those that are documented", async () => {
    const places = { shown: await stack.decrypted(), stored: stack.storedText() };
    assert.deepEqual(undocumented(places.shown), []);
    const known = { "first password": firstPassword(), "API token": cluster.token, "cluster's token": "planted-token" };
    assert.deepEqual(findIn(places, known), { shown: ["cluster's token", "first password"], stored: [] });
  });

  it("changes nothing in a second update, nor after a refresh", async () => {
    apiserver.writes();
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
    const refreshed = await stack.up("--refresh", "--expect-no-changes");
    assert.equal(refreshed.status, 0, refreshed.output);
    assert.deepEqual(
      apiserver.writes().filter((line) => !line.startsWith("PATCH")),
      [],
    );
  });

  it("sends another worker in an object of another name, and takes the one before away", async () => {
    const [before] = workers();
    const file = path.join(stack.project, "worker/odoo_ship/words.py");
    fs.appendFileSync(file, "# Another one.\n");
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const [after = ""] = workers();
    assert.ok(workers().length === 1 && after !== before, workers().join("\n"));
    assert.ok(JSON.stringify(apiserver.objects.get(cluster.jobs()[0] ?? "")).includes(`"${path.basename(after)}"`));
  });

  it("leaves volumes alone when the class of new ones changes, which could only replace them", async () => {
    stack.config["doks:blockStorageClass"] = "another";
    const { status, output } = await stack.up("--expect-no-changes");
    delete stack.config["doks:blockStorageClass"];
    assert.equal(status, 0, output);
  });

  it("tells the digest that runs, also where an update leaves out what would run another one", async () => {
    stack.config["image:digest"] = newer;
    const { status, output } = await stack.up("--exclude", "**doks-odoo-upgrade", "--exclude-dependents");
    stack.config["image:digest"] = digest;
    assert.equal(status, 0, output);
    const outputs = await stack.outputs();
    assert.deepEqual([outputs["imageDigest"], outputs["doksDigest"]], [newer, digest]);
    const { releases } = outputs as unknown as { releases: { digest: string; targets: { name: string }[] }[] };
    assert.deepEqual(
      releases.map((one) => [one.digest, one.targets.map(({ name }) => name)]),
      [
        [newer, []],
        [digest, ["cluster"]],
      ],
    );
    const again = await stack.up();
    assert.equal(again.status, 0, again.output);
  });

  it("takes the first password out of state and cluster in place, and touches nothing else", async () => {
    const known = { "first password": firstPassword() };
    apiserver.writes();
    stack.config["doks:firstLogin"] = "gone";
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const changed = apiserver.writes().filter((line) => !line.startsWith("PATCH") || !line.includes("dryRun"));
    assert.deepEqual(changed, ["DELETE /api/v1/namespaces/odoo/secrets/odoo-first-login"]);
    assert.deepEqual(findIn({ shown: await stack.decrypted() }, known), { shown: [] });
  });

  it("keeps the pods of the release before it when the Job of a new one fails, and tells why", async () => {
    const [before] = cluster.jobs();
    controllers.failure = "MODULE_LOAD_ERROR: a module does not load";
    stack.config["image:digest"] = newer;
    const { status, output } = await stack.up();
    assert.notEqual(status, 0);
    assert.match(output, /MODULE_LOAD_ERROR/);
    assert.ok(textAt(cluster.web(), "spec", "template", "spec", "containers", 0, "image").endsWith(digest));
    assert.ok(cluster.jobs().some((name) => name !== before));
  });

  it("goes back to the release before it, with other settings, as if the failed one had not been", async () => {
    controllers.failure = undefined;
    Object.assign(stack.config, { "image:digest": digest, "doks:odooMemoryMiB": 1536 });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(cluster.jobs().length, 1);
    assert.equal(
      // Of what the release runs, beside the worker.
      textAt(
        apiserver.objects.get(cluster.jobs()[0] ?? ""),
        "spec",
        "template",
        "spec",
        "initContainers",
        0,
        "resources",
        "limits",
        "memory",
      ),
      "1536Mi",
    );
    controllers.failure = "MODULE_LOAD_ERROR: a module does not load";
    stack.config["image:digest"] = newer;
    assert.notEqual((await stack.up()).status, 0);
  });

  it("runs the same release again with the next update, and then replaces the pods", async () => {
    controllers.failure = undefined;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.ok(textAt(cluster.web(), "spec", "template", "spec", "containers", 0, "image").endsWith(newer));
    assert.equal(cluster.jobs().length, 1);
    assert.equal((await stack.outputs())["doksDigest"], newer);
  });

  it("leaves PostgreSQL as it is where another image does not fit, and goes on with the earlier one", async () => {
    const image = () =>
      textAt(
        apiserver.objects.get("/apis/apps/v1/namespaces/odoo/statefulsets/odoo-db"),
        ...["spec", "template", "spec", "containers", 0, "image"],
      );
    const looks = () => [...apiserver.objects.keys()].filter((name) => name.includes("/jobs/odoo-db-fits-"));
    const before = image();
    const looked = looks();
    const record = JSON.parse(fs.readFileSync(path.join(stack.project, "images", "vps-images.json"), "utf8")) as {
      postgres: object;
    };
    const postgres = { ...record.postgres, tag: "18-trixie", digest: `sha256:${"e".repeat(64)}` };
    stack.write("images.json", JSON.stringify({ ...record, postgres }));
    controllers.failure = "POSTGRES_MISMATCH: the PostgreSQL image does not fit the data";
    stack.config["doks:imagesRecord"] = "images.json";
    const { status, output } = await stack.up();
    delete stack.config["doks:imagesRecord"];
    assert.notEqual(status, 0);
    assert.match(output, /POSTGRES_MISMATCH/);
    assert.equal(image(), before);
    assert.ok(looks().some((name) => name.endsWith("-eeeeeeeeeeee")));

    controllers.failure = undefined;
    const back = await stack.up();
    assert.equal(back.status, 0, back.output);
    assert.deepEqual([image(), looks()], [before, looked]);
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });

  it("refuses a version that goes back, before anything is touched", async () => {
    const before = running.changes;
    stack.config["doks:version"] = "1.32.10-do.0";
    const { status, output } = await stack.up();
    stack.config["doks:version"] = "1.33.6-do.0";
    assert.notEqual(status, 0);
    assert.match(output, /KUBERNETES_VERSION_REFUSED/);
    assert.equal(running.changes, before);
  });

  it("refuses to take away what is protected", async () => {
    const { status, output } = await stack.pulumi(
      "destroy",
      "--yes",
      "--skip-preview",
      "--non-interactive",
      "--color",
      "never",
    );
    assert.notEqual(status, 0);
    assert.match(output, /protected/);
    assert.ok(cluster.web() !== undefined);
  });
});
