import assert from "node:assert/strict";

import { linesOf } from "../../../gates/notify/alert";
import { alertOfUpdate, failedUpdate } from "../../../gates/notify/failed-update";
import { gates } from "../../../gates/table";
import { eventsOf, failedCommand, type PrintedError, urns } from "../../support/update-events";

const deployment = {
  urn: urns.deployment,
  message: failedCommand("vps-odoo-release", "12:00:00 NETWORK_FAILURE: tried again\nDEPLOY_FAILED: it did not start"),
};
const gate = { urn: urns.gate, message: failedCommand("gates-image", "IMAGE_SIZE_EXCEEDED: it is large") };
const found = (...errors: readonly PrintedError[]) => failedUpdate(eventsOf(...errors), "staging");

describe("The events of a failed update", () => {
  it("tell the resource, and the code that begins a line before one that is quoted", () => {
    assert.deepEqual(found(deployment), { stack: "odoo/staging", code: "DEPLOY_FAILED", resource: "vps-odoo-release" });
  });

  it("tell what the plan has refused, where no resource speaks", () => {
    const refused = { message: "POSTGRES_MISMATCH: 15 is there\n  found:    15" };
    assert.deepEqual(found(refused), { stack: "odoo/staging", code: "POSTGRES_MISMATCH", resource: "" });
  });

  it("tell a code that stands behind the words of a provider", () => {
    const { urn, message } = {
      urn: urns.deployment,
      message: "1 error occurred:\n  * log of odoo-upgrade: DISK_SPACE_LOW: x",
    };
    assert.equal(found({ urn, message })?.code, "DISK_SPACE_LOW");
  });

  it("tell the resource where a provider has no code of ours, and that it failed where nothing else is said", () => {
    const foreign = { urn: urns.deployment, message: "POST https://api.example.com: 403 NOT_OURS: you are not" };
    assert.deepEqual(found(foreign), { stack: "odoo/staging", code: undefined, resource: "vps-odoo-release" });
    assert.deepEqual(found(), { stack: "odoo/staging", code: undefined, resource: "" });
  });

  for (const [said, code] of [
    ["pushing host/odoo:candidate-1 failed: denied: storage quota exceeded", "QUOTA_EXCEEDED"],
    ["failed to push image: denied: requested access to the resource is denied", "REGISTRY_AUTH_FAILURE"],
    ["pushing host/odoo:candidate-1 failed: manifest invalid: manifest invalid", "MANIFEST_ERROR"],
    ["pushing host/odoo:candidate-1 failed: received unexpected HTTP status: 500 Internal", "NETWORK_FAILURE"],
    ["error pushing image: write tcp 10.0.0.1:443: connection reset by peer", "NETWORK_FAILURE"],
    ["building host/odoo:candidate-1 failed: denied", undefined],
    ["pushing host/odoo:candidate-1 failed: the operation was aborted", undefined],
  ] as const) {
    it(`tell ${code ?? "no code"} where Docker says: ${said}`, () => {
      assert.equal(found({ urn: urns.deployment, message: said })?.code, code);
    });
  }

  it("tell the first code of several, and take one before a resource without", () => {
    const proxy = { urn: urns.stack.replace("odoo-staging", "proxy-image"), message: "denied" };
    const later = { urn: urns.deployment, message: "HOST_UNREACHABLE: no answer" };
    assert.equal(found(proxy, deployment, later)?.code, "DEPLOY_FAILED");
  });

  it("tell nothing of a gate, which has told by itself, and something of what failed beside it", () => {
    for (const name of Object.keys(gates)) {
      const { message } = gate;
      assert.equal(found({ urn: urns.gate.replace("gates-image", `gates-${name}`), message }), undefined, name);
    }
    assert.equal(found(gate, deployment)?.code, "DEPLOY_FAILED");
  });

  it("tell of the check of a signature, which is no gate", () => {
    const refused = { urn: urns.proof, message: failedCommand("gates-proof", "SIGNATURE_INVALID: another key") };
    assert.deepEqual(found(refused), { stack: "odoo/staging", code: "SIGNATURE_INVALID", resource: "gates-proof" });
  });

  it("are none where there are none, or the last is cut short", () => {
    assert.equal(failedUpdate("", "staging"), undefined);
    assert.equal(failedUpdate('{"sequence":0,"diagnosticEvent":{"message":"DEPLOY_FAI', "staging"), undefined);
  });
});

describe("A failed update", () => {
  const alertOf = (error: PrintedError) => {
    const failed = found(error);
    assert.ok(failed);
    return alertOfUpdate(failed);
  };

  it("is told in exactly these words, and none of those that were printed", () => {
    const alert = alertOf(deployment);
    assert.deepEqual(linesOf(alert), [
      "DEPLOY_FAILED (critical): the update failed at vps-odoo-release",
      "Stack: odoo/staging",
      "Remedy: read the end of what the update has printed, and what docs/when-up-failed.md has of DEPLOY_FAILED",
      "What runs now: `odoo-ship status` on a VPS, `kubectl -n odoo get pods,jobs` in a cluster",
    ]);
    assert.equal(alert.page, false);
    assert.ok(!JSON.stringify(alert).includes("it did not start"));
  });

  it("pages somebody where an image is refused for its signature", () => {
    assert.equal(alertOf({ urn: urns.proof, message: "SIGNATURE_INVALID: another key" }).page, true);
    assert.equal(alertOf({ urn: urns.proof, message: "ATTESTATION_MISSING: none" }).page, false);
  });

  it("without a code is of severity high", () => {
    assert.deepEqual(linesOf(alertOf({ urn: urns.deployment, message: "403" })).slice(0, 3), [
      "no code (high): the update failed at vps-odoo-release",
      "Stack: odoo/staging",
      "Remedy: read the end of what the update has printed, and docs/when-up-failed.md",
    ]);
    assert.equal(alertOf({ message: "defect" }).summary, "the update failed");
  });
});
