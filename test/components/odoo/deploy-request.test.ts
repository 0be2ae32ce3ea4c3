import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { kubernetesRequestSchema } from "../../../components/kubernetes/request";
import { requestId } from "../../../components/odoo/deploy-request";
import { readWorker } from "../../../components/odoo/worker-files";
import { hostRequestSchema } from "../../../components/vps/request";

const root = path.join(__dirname, "..", "..", "..");
const file = "worker/odoo_ship/request-schema.json";

describe("the request of a release", () => {
  it("is checked by the worker as it is made here", () => {
    const schemas = { host: z.toJSONSchema(hostRequestSchema), job: z.toJSONSchema(kubernetesRequestSchema) };
    const text = `${JSON.stringify(schemas, undefined, 1)}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") {
      fs.writeFileSync(path.join(root, file), text);
    }
    assert.equal(
      fs.readFileSync(path.join(root, file), "utf8"),
      text,
      `to update ${file}: UPDATE_GOLDEN=1 npx mocha <this file>`,
    );
  });

  it("has its schema sent along with the worker", () => {
    assert.ok("odoo_ship/request-schema.json" in readWorker(root).files);
  });

  it("is named by its content, not by the order in which it was put together", () => {
    assert.equal(requestId({ a: 1, b: { c: [1, 2], d: null } }), requestId({ b: { d: null, c: [1, 2] }, a: 1 }));
    assert.notEqual(requestId({ a: [1, 2] }), requestId({ a: [2, 1] }));
  });
});
