import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

import { adminPassword, dbPassword, EntrypointProcess } from "../images/entrypoint-process";

const root = path.join(__dirname, "..", "..");

interface Variable {
  readonly key: string;
  readonly value: string;
  readonly type?: string;
}

interface Spec {
  readonly services: readonly {
    readonly image: Readonly<Record<string, string>>;
    readonly http_port: number;
    readonly health_check: { readonly http_path: string };
    readonly envs: readonly Variable[];
  }[];
  readonly databases: readonly { readonly name: string; readonly engine: string }[];
}

/** What App Platform makes of the file is not shown: that takes an account. */
describe("the spec for a look at an image on App Platform", () => {
  const text = fs.readFileSync(path.join(root, "infra", "do", "app-spec.yaml"), "utf8");
  const spec = parse(text) as Spec;
  const [service] = spec.services;
  assert.ok(service !== undefined && spec.services.length === 1);
  const { envs, image } = service;
  const hidden = envs.filter(({ type }) => type === "SECRET");

  /** What App Platform puts in the place of its references. */
  const bound: Readonly<Record<string, string>> = {
    ...{ HOSTNAME: "db.example.com", PORT: "25060", USERNAME: "look", DATABASE: "lookdb", PASSWORD: dbPassword },
  };
  function start(changes: Readonly<Record<string, string>> = {}) {
    const entrypoint = new EntrypointProcess();
    const value = (from: string) => from.replace(/^\$\{db\.(\w+)\}$/, (all, name: string) => bound[name] ?? all);
    try {
      const variables = Object.fromEntries(envs.map(({ key, value: from }) => [key, value(from)]));
      return entrypoint.run({ ...variables, ...changes });
    } finally {
      entrypoint.remove();
    }
  }

  it("names the image by a digest, and none that there could be before somebody has set it", () => {
    assert.deepEqual(Object.keys(image).sort(), ["digest", "registry_type", "repository"]);
    assert.equal(image["digest"], "sha256:<pulumi stack output imageDigest>");
    assert.doesNotMatch(image["digest"], /[0-9a-f]{64}/);
    assert.match(fs.readFileSync(path.join(root, "index.ts"), "utf8"), /^ +imageDigest: /m);
  });

  it("says in one line that it is refused so far and what to type, and above where books belong", () => {
    const said =
      /^# +doctl apps create --spec infra\/do\/app-spec\.yaml +refused .*: pulumi stack output imageDigest$/m;
    assert.match(text, said);
    const belong = /For books take a VPS or a cluster: `pulumi up`,\n# (docs\/\S+\.md)\./.exec(text);
    assert.ok(belong?.[1] !== undefined && fs.existsSync(path.join(root, belong[1])));
    const row = fs.readFileSync(path.join(root, "docs", "by-hand.md"), "utf8");
    assert.ok(row.includes("| `doctl apps create --spec infra/do/app-spec.yaml` |"));
  });

  it("has no secret in it, and each that it takes is kept as one", () => {
    assert.deepEqual(hidden.map(({ key }) => key).sort(), ["ADMIN_PASSWD", "DB_PASSWORD"]);
    assert.deepEqual(
      hidden.filter(({ value }) => !/^(\$\{db\.PASSWORD\}|)$/.test(value)),
      [],
    );
    assert.deepEqual(
      spec.databases.map(({ name, engine }) => `${name} ${engine}`),
      ["db PG"],
    );
  });

  it("does not start the image before it has a master password, and starts it on its database with one", () => {
    const refused = start();
    assert.deepEqual([refused.status, refused.started], [78, undefined]);
    assert.match(refused.output, /^ENTRYPOINT_ERROR: ADMIN_PASSWD must be set[^\n]*\n$/);
    const { status, output, options } = start({ ADMIN_PASSWD: adminPassword });
    assert.equal(status, 0, output);
    const names = ["db_host", "db_port", "db_user", "db_name", "db_password", "workers", "http_port"];
    assert.deepEqual(
      names.map((name) => options?.[name]),
      ["db.example.com", "25060", "look", "lookdb", dbPassword, "0", String(service.http_port)],
    );
  });

  it("is asked whether it is well where the image asks itself", () => {
    const entrypoint = fs.readFileSync(path.join(root, "images", "odoo", "entrypoint.py"), "utf8");
    assert.ok(entrypoint.includes(`connection.request("GET", "${service.health_check.http_path}")`));
  });
});
