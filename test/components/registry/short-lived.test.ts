import assert from "node:assert/strict";

import { endOf } from "../../../components/registry/short-lived";
import { Secret } from "../../../components/shared/secret";

const day = 86_400;
const jwt = (claims: object) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");

describe("the end of a registry's login", () => {
  const ending: [username: string, password: string, end: RegExp][] = [
    ["x", "ghs_0123", /^a token of a GitHub Actions job .*, or an hour after it was made$/],
    ["x", "ghu_0123", /eight hours/],
    ["x", "glcbt-64_0123", /GitLab job/],
    ["gitlab-ci-token", "0123", /GitLab job/],
    ["AWS", "0123", /twelve hours/],
    ["oauth2accesstoken", "ya29.0123", /an hour/],
    ["x", jwt({ iat: 1_780_000_000, exp: 1_780_010_800 }), /^a token that ends at 2026-05-28T23:26:40.000Z$/],
    ["x", jwt({ nbf: 1_780_000_000, exp: 1_780_000_000 + 59 * day }), /2026-07-26/],
  ];
  for (const [username, password, end] of ending) {
    it(`is known for ${username} with ${password.slice(0, 6)}…`, () => {
      const found = endOf({ username, password: new Secret(password) });
      assert.match(found ?? "", end);
      assert.ok(!found?.includes(password));
    });
  }

  const lasting: [what: string, username: string, password: string][] = [
    ["GitHub's personal tokens", "x", "ghp_0123"],
    ["GitHub's fine-grained ones", "x", "github_pat_0123"],
    ["GitLab's deploy tokens", "gitlab+deploy-token-1", "gldt-0123"],
    ["a password", "x", "eyes.wide.shut"],
    ["a JSON Web Token for a year", "x", jwt({ iat: 1_780_000_000, exp: 1_780_000_000 + 365 * day })],
    ["one without an end", "x", jwt({ iat: 1_780_000_000 })],
  ];
  for (const [what, username, password] of lasting) {
    it(`is unknown for ${what}`, () => assert.equal(endOf({ username, password: new Secret(password) }), undefined));
  }
});
