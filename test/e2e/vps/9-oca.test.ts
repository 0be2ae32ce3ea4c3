import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";

import { baseRecord } from "../../../sandbox/images/base";
import type { ServersFile } from "../../../sandbox/servers";
import type { Files } from "../../fixtures/addons/module";
import { runningSandbox } from "../../support/running-sandbox";
import { type BroughtRelease, broughtRelease, changedJobs, now, ofOca, older, own } from "../../support/trials/brought";
import { BroughtHost } from "../../support/trials/brought-host";
import { closeBucket, openBucket } from "../../support/trials/bucket";

/** One installation from its first release on, with what teams bring. */
describe("a host with what people bring", () => {
  const changing = Object.keys(now);
  const images: string[] = [];
  let servers: ServersFile;
  let host: BroughtHost | undefined;
  /** What users had when the last release came. */
  let left: Partial<BroughtHost> = {};

  before(async function () {
    servers = await runningSandbox();
    // The packages are for this series.
    if ((JSON.parse(fs.readFileSync(baseRecord, "utf8")) as { series: string }).series !== "19.0") this.skip();
  });
  after(async () => {
    await host?.machine.remove();
    await closeBucket();
    if (images.length > 0) spawnSync("docker", ["rmi", ...images], { stdio: "ignore" });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await host?.machine.story());
  });

  const build = async (name: string, files: Files): Promise<BroughtRelease> => {
    const release = await broughtRelease(servers, name, files);
    images.push(release.local);
    return release;
  };
  const open = (): BroughtHost => {
    assert.ok(host !== undefined, "nothing was installed");
    return host;
  };
  const release = async (next: BroughtRelease, whenClosing?: () => Promise<void>) => {
    const ending = await open().deploy(next, whenClosing);
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    console.log(`      ${Math.round(ending.seconds)} s`);
  };
  const upgrades = () =>
    open().machine.sh("journalctl -u odoo-ship -o cat --no-pager | grep -o 'maintenance: .*' | tail -1");
  /** When the views of modules were written that have nothing to do with the five. */
  const viewsOfOthers = () =>
    open().machine.sql(`SELECT md5(string_agg(v.id || v.write_date::text, ' ' ORDER BY v.id)) FROM ir_ui_view v
      JOIN ir_model_data d ON d.model = 'ir.ui.view' AND d.res_id = v.id
      WHERE d.module IN ('base', 'partner_firstname', 'sale_order_type', 'web_notify')`);

  it("has twenty packages of OCA and a team's own modules installed at once", async () => {
    const first = await build("oca-older", older);
    await openBucket(first.local);
    host = await BroughtHost.open(servers, [...ofOca, ...own], first);
    await release(first);
    await host.begin();
    assert.deepEqual(await host.problems(), []);
  });

  it("gets five newer packages, and nothing else is upgraded; waiting jobs run once, when users are back", async () => {
    const next = await build("oca-newer", {});
    const before = await open().versions(changing);
    const untouched = await viewsOfOthers();
    assert.match(untouched, /^[0-9a-f]{32}$/);
    await open().plan(30, 3600);
    await release(next, async () => assert.equal(await open().makeDue(), 30));
    assert.equal(await upgrades(), `maintenance: upgrades ${changing.join(", ")}`);
    assert.deepEqual(await open().problems(), []);
    assert.equal(await viewsOfOthers(), untouched);
    const after = await open().versions(changing);
    assert.deepEqual(after, now);
    assert.deepEqual(
      changing.filter((name) => before[name] === after[name]),
      [],
    );
  });

  it("gets a module with an icon, which goes to the bucket, and is the same after a restart", async () => {
    left = { live: open().live, work: open().work };
    await release(await build("oca-changed", changedJobs));
    assert.equal(await upgrades(), "maintenance: upgrades our_jobs");
    const icon = `SELECT store_fname FROM ir_attachment a JOIN ir_model_data d ON d.model = a.res_model AND d.res_id = a.res_id
      WHERE a.res_field = 'web_icon_data' AND d.module = 'our_jobs'`;
    assert.match(await open().machine.sql(icon), /^elsewhere:/);
    assert.deepEqual(await open().problems(), []);
    await open().machine.sh("docker restart odoo-ce");
    assert.deepEqual(await open().problems(), []);
  });

  it("goes back with its data to the release before, and all of it works there", async () => {
    const points = JSON.parse(await open().machine.sh("odoo-ship status --json")) as { points: { id: string }[] };
    await open().machine.exec(["odoo-ship", "rollback", "--with-data", "--to", points.points.at(-1)?.id ?? ""]);
    // What was written since stays behind.
    Object.assign(open(), left);
    assert.deepEqual(await open().problems(), []);
  });
});
