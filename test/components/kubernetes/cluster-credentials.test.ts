import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";

import { clusterCredentials } from "../../../components/kubernetes/cluster-credentials";
import { Secret } from "../../../components/shared/secret";
import { importsOf } from "../../support/imports";

const root = path.join(__dirname, "..", "..", "..");
const whole = { server: "https://cluster", certificate_authority_data: "cGVt", token: "planted", expires_at: "2027" };

describe("The credentials of a cluster", () => {
  let answer: { status: number; body: string };
  const asked: string[] = [];
  const api = http.createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(answer.status).end(answer.body);
  });
  const ask = () => {
    const apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    return clusterCredentials({ apiUrl, token: new Secret("token") }, "a/b", 300);
  };

  before(async () => {
    api.listen(0, "127.0.0.1");
    await once(api, "listening");
  });
  after(() => api.close());

  it("are what the API answers", async () => {
    answer = { status: 200, body: JSON.stringify({ ...whole, client_key_data: null }) };
    const { server, token } = (await ask()) ?? {};
    assert.deepEqual([server, token], [whole.server, whole.token]);
    assert.equal(asked.at(-1), "/v2/kubernetes/clusters/a%2Fb/credentials?expiry_seconds=300");
  });

  it("are none where there is no such cluster", async () => {
    answer = { status: 404, body: "{}" };
    assert.equal(await ask(), undefined);
  });

  for (const [what, body, problem] of [
    [
      "lacks a part",
      JSON.stringify({ ...whole, server: undefined, expires_at: 2027 }),
      "server: no text; expires_at: ",
    ],
    ["is no object", "null", "server: no text"],
    ["is a text", '"planted"', "server: no text"],
    ["is no JSON", "<p>planted", "server: no text"],
  ] as const)
    it(`refuse an answer that ${what}, and do not show it`, async () => {
      answer = { status: 200, body };
      await assert.rejects(ask(), (error: Error) => {
        assert.match(error.message, /^NETWORK_FAILURE: /);
        assert.ok(error.message.includes(problem), error.message);
        return !error.message.includes("planted");
      });
    });

  it("need no package, which each update would wait for", () => {
    const [files, packages] = [new Set<string>(), new Set<string>()];
    const walk = (file: string) => {
      if (files.has(file)) return;
      files.add(file);
      const imports = importsOf(root, file);
      for (const name of imports.packages) packages.add(name);
      for (const name of imports.files) walk(fs.existsSync(path.join(root, `${name}.ts`)) ? `${name}.ts` : name);
    };
    walk("ops/kubernetes-credential.ts");
    assert.ok(files.has("components/shared/http.ts"));
    assert.deepEqual([...packages], []);
  });
});
