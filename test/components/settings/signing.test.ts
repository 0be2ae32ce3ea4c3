import assert from "node:assert/strict";

import { ofSigning, signingWarnings } from "../../../components/settings/signing";
import { Secret } from "../../../components/shared/secret";
import type { Settings } from "../../../settings";

const none = {
  imageMegabytes: 2000,
  signing: "none",
  publicKey: "",
  signingKey: undefined,
  signingPassword: undefined,
  signer: "",
  signerIssuer: "",
  trustedRoot: "",
} as const;
const keys = (gates: Partial<Settings["gates"]>, digest = "") =>
  ofSigning({ gates: { ...none, ...gates }, image: { digest } } as unknown as Settings).map(
    (problem) => problem.split(": ", 1)[0],
  );

const warnings = (environment: Settings["environment"], gates: Partial<Settings["gates"]>, digest = "") => {
  const settings = { environment, gates: { ...none, ...gates }, image: { digest } };
  return signingWarnings(settings as unknown as Settings);
};

describe("The settings of signatures", () => {
  const key = new Secret("key");

  it("are whole, or each that lacks is named", () => {
    assert.deepEqual(keys({}), []);
    assert.deepEqual(keys({ signing: "key", publicKey: "k", signingKey: key }), []);
    assert.deepEqual(keys({ signing: "key" }), ["gates:publicKey", "gates:signingKey"]);
    assert.deepEqual(keys({ signing: "keyless" }), ["gates:signer", "gates:signerIssuer", "gates:trustedRoot"]);
    assert.deepEqual(keys({ signing: "keyless", signer: "a", signerIssuer: "b", trustedRoot: "c" }), []);
  });

  it("need nothing to sign with where nothing is built", () => {
    assert.deepEqual(keys({ signing: "key", publicKey: "k" }, "sha256:1"), []);
  });

  it("do not let a key lie there without effect", () => {
    assert.deepEqual(keys({ publicKey: "k" }), ["gates:signing"]);
    assert.deepEqual(keys({ signingKey: key }), ["gates:signing"]);
  });

  it("are warned of at each update of staging and production while nothing is signed", () => {
    const count = (environment: Settings["environment"], signing: Settings["gates"]["signing"]) =>
      warnings(environment, { signing }).length;
    assert.deepEqual([count("staging", "none"), count("production", "none"), count("sandbox", "none")], [1, 1, 0]);
    assert.deepEqual([count("staging", "key"), count("production", "keyless")], [0, 0]);
  });

  it("are warned of where a digest is deployed, and nobody looks for the lists of what is in it", () => {
    const off = { signing: "key", sbom: "off" } as const;
    assert.match(warnings("production", off, "sha256:1").join(), /^gates:sbom is off: /);
    assert.deepEqual(warnings("production", { ...off, sbom: "required" }, "sha256:1"), []);
    assert.deepEqual(warnings("staging", off), []);
  });
});
