import assert from "node:assert/strict";

import { pushFailure } from "../../../components/image/push-failure";

describe("a push that failed", () => {
  const rows: readonly (readonly [said: string, code: string | undefined])[] = [
    ["pushing host/odoo:candidate-1 failed: denied: storage quota exceeded", "QUOTA_EXCEEDED"],
    ["pushing host/odoo:candidate-1 failed: unauthorized: authentication required", "REGISTRY_AUTH_FAILURE"],
    ["failed to push image: denied: requested access to the resource is denied", "REGISTRY_AUTH_FAILURE"],
    ["pushing host/odoo:candidate-1 failed: manifest invalid: manifest invalid", "MANIFEST_ERROR"],
    [
      "pushing host/odoo:candidate-1 failed: received unexpected HTTP status: 500 Internal Server Error",
      "NETWORK_FAILURE",
    ],
    ["error pushing image: write tcp 10.0.0.1:443: connection reset by peer", "NETWORK_FAILURE"],
    ["building host/odoo:candidate-1 failed: denied", undefined],
    ["pushing host/odoo:candidate-1 failed: the operation was aborted", undefined],
  ];
  for (const [said, code] of rows) {
    it(`is told as ${code ?? "nothing of ours"} by "${said}"`, () => assert.equal(pushFailure(said)?.code, code));
  }
});
