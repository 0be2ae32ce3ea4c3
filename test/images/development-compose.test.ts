import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

const root = path.resolve(__dirname, "..", "..");

interface Service {
  readonly image: string;
  readonly ports?: readonly string[];
  readonly volumes: readonly (string | { readonly source: string; readonly read_only: boolean })[];
}

describe("docker-compose.yml", () => {
  const { services } = parse(fs.readFileSync(path.join(root, "docker-compose.yml"), "utf8")) as {
    services: Record<string, Service>;
  };

  it("runs the recorded base image and PostgreSQL by digest, unless others are named", () => {
    const base = JSON.parse(fs.readFileSync(path.join(root, "images/odoo/base-image.json"), "utf8")) as Record<
      string,
      string
    >;
    assert.equal(services["odoo"]?.image, `\${ODOO_BASE_IMAGE:-${base["reference"]}:${base["tag"]}@${base["digest"]}}`);
    const { postgres } = JSON.parse(fs.readFileSync(path.join(root, "images/vps-images.json"), "utf8")) as Record<
      string,
      typeof base
    >;
    assert.ok(postgres !== undefined);
    assert.equal(
      services["db"]?.image,
      `\${POSTGRES_IMAGE:-${postgres["reference"]}:${postgres["tag"]}@${postgres["digest"]}}`,
    );
  });

  it("publishes Odoo only, and to this machine only", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    assert.deepEqual(ports, ["127.0.0.1:${ODOO_PORT:-8069}:8069"]);
  });

  it("mounts what is in the repository read-only, and finds it there", () => {
    const mounts = Object.values(services).flatMap((service) =>
      service.volumes.filter((volume) => typeof volume !== "string"),
    );
    assert.deepEqual(
      mounts.map((mount) => mount.source),
      ["./addons", "./images/odoo/reload.py"],
    );
    for (const { source, read_only } of mounts) {
      assert.ok(read_only, source);
      assert.ok(fs.existsSync(path.join(root, source)), source);
    }
  });
});
