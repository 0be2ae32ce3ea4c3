import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";

import { describeDrift } from "../../../components/image/base-image";

describe("the tag of the base image", () => {
  const recorded = `sha256:${"a".repeat(64)}`;
  /** What the registry says of the tag; undefined: it has none. */
  let digest: string | undefined;
  let status: number;
  const server = http.createServer((_request, response) => {
    const found = digest === undefined ? {} : { "docker-content-digest": digest };
    response.writeHead(digest === undefined ? 404 : status, found).end();
  });
  before((done) => void server.listen(0, "127.0.0.1", done));
  after(() => server.close());
  beforeEach(() => {
    [digest, status] = [recorded, 200];
  });

  function drift(): Promise<string | undefined> {
    const reference = `127.0.0.1:${(server.address() as AddressInfo).port}/library/odoo`;
    const record = { reference, tag: "19.0", digest: recorded, date: "2026-11-01" };
    return describeDrift({ ...record, series: "19.0", uid: 100, gid: 101 });
  }

  it("is no matter while it names the recorded digest", async () => {
    assert.equal(await drift(), undefined);
  });

  it("that names a newer image is told with both digests, and where to raise it", async () => {
    digest = `sha256:${"b".repeat(64)}`;
    const told = (await drift()) ?? "";
    assert.match(
      told,
      /^BASE_IMAGE_DRIFT: \S+:19\.0 is now sha256:b{64}; the record of 2026-11-01 says sha256:a{64}\./,
    );
    assert.match(told, /images\/odoo\/base-image\.json/);
  });

  it("that is gone is told", async () => {
    digest = undefined;
    assert.match((await drift()) ?? "", /BASE_IMAGE_DRIFT: \S+ is now absent/);
  });

  it("that cannot be looked up is said not to be checked, and stops nothing", async () => {
    status = 401;
    assert.match((await drift()) ?? "", /could not be looked up, so a newer base image was not checked for/);
  });
});
