import assert from "node:assert/strict";

import { taggingSecrets } from "../../../components/release/tag-order";
import { Secret } from "../../../components/shared/secret";

const token = new Secret("planted-api-token");
const registryAccess = { username: "u", password: new Secret("planted-password"), tokenHost: "git.example.com" };

describe("the login that tags are set with", () => {
  const login = (kind: "digitalocean" | "ghcr" | "generic", api: Secret | undefined) =>
    Object.values(taggingSecrets({ registry: { kind }, registryAccess, digitalocean: { token: api } })).map((secret) =>
      secret.reveal(),
    );

  it("is the API's token at DigitalOcean, also where another one reads the registry", () => {
    assert.deepEqual(login("digitalocean", token), ["planted-api-token", "planted-api-token", ""]);
    assert.deepEqual(login("digitalocean", undefined).slice(0, 2), ["u", "planted-password"]);
  });

  for (const kind of ["ghcr", "generic"] as const) {
    it(`is the given one of a ${kind} registry, which is shown no token of DigitalOcean's`, () => {
      assert.deepEqual(login(kind, token), ["u", "planted-password", "git.example.com"]);
    });
  }
});
