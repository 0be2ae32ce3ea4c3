import assert from "node:assert/strict";

import { networkPolicies } from "../../../../components/kubernetes/objects/network-policies";
import { postgresFitsJob } from "../../../../components/kubernetes/objects/postgres-fits";
import { digestOf, podsOf, render } from "../../../support/kubernetes-objects";

const image = `docker.io/library/postgres@${digestOf("b")}`;
const job = postgresFitsJob({ image, secret: "odoo-admin-1" });

describe("the Job that looks at an image of PostgreSQL", () => {
  it("runs that image, and each image has a Job of its own", () => {
    const found = podsOf(render().objects).get("Job/odoo-db-fits-bbbbbbbbbbbb");
    assert.deepEqual(
      found?.pod.containers.map(({ image: runs }) => runs),
      [image],
    );
    const other = postgresFitsJob({ image: `registry.example.com:5000/postgres@${digestOf("c")}`, secret: "x" });
    assert.deepEqual(
      [job.metadata.name, other.metadata.name],
      ["odoo-db-fits-bbbbbbbbbbbb", "odoo-db-fits-cccccccccccc"],
    );
  });

  it("fails at once, with the reason where Pulumi shows it, and runs again with the next update", () => {
    const spec = job.spec as unknown as {
      backoffLimit: number;
      template: { spec: { containers: Record<string, unknown>[] } };
    };
    assert.equal(spec.backoffLimit, 0);
    assert.equal(spec.template.spec.containers[0]?.["terminationMessagePolicy"], "FallbackToLogsOnError");
    assert.equal(job.metadata.annotations?.["pulumi.com/replaceUnready"], "true");
  });

  it("is let in by the database, and is no server of it", () => {
    const labels = podsOf(render().objects).get("Job/odoo-db-fits-bbbbbbbbbbbb")?.labels;
    const rules = networkPolicies({ egress: [], tasks: [], acmeServer: undefined, dumps: "", managed: undefined });
    const letIn = JSON.stringify(rules.find(({ metadata }) => metadata.name === "odoo-db")?.spec);
    assert.ok(letIn.includes(`"matchLabels":{"app":"${labels?.["app"] ?? ""}"}`), letIn);
    assert.notEqual(labels?.["app"], "odoo-db");
  });

  it("verifies the server that it gives the password to", () => {
    const env = podsOf(render().objects).get("Job/odoo-db-fits-bbbbbbbbbbbb")?.pod.containers[0]?.env;
    assert.deepEqual(env, [
      { name: "PGSSLMODE", value: "require" },
      { name: "PGCHANNELBINDING", value: "require" },
    ]);
  });

  it("is not there with a managed database", () => {
    const managed = { "doks:databaseMode": "managed", "doks:databaseSize": "db-s-4vcpu-8gb" };
    assert.ok(![...podsOf(render(managed).objects).keys()].some((name) => name.includes("fits")));
  });
});
