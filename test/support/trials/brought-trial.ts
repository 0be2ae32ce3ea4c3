import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";

import { baseRecord } from "../../../sandbox/images/base";
import type { ServersFile } from "../../../sandbox/servers";
import type { Files } from "../../fixtures/addons/module";
import { runningSandbox } from "../running-sandbox";
import { added, type BroughtRelease, broughtRelease, changed, now, older, own } from "./brought";
import type { BroughtTarget } from "./brought-target";
import { BroughtUse } from "./brought-use";
import { closeBucket, openBucket } from "./bucket";

/** Jobs that wait when a release begins. */
const jobs = 50;

/** Opens a target that nothing runs on yet, for a first release with these modules. */
export type Opening = (
  servers: ServersFile,
  modules: readonly string[],
  first: BroughtRelease,
) => Promise<BroughtTarget>;

/**
 * Declares the tests of one installation from its first release on, with what teams bring.
 * @param packages those of OCA's modules that are installed; an image has all of them
 */
export function triesWhatPeopleBring(title: string, packages: readonly string[], opening: Opening): void {
  describe(title, () => {
    const modules = [...packages, ...own];
    const changing = Object.keys(now).filter((name) => packages.includes(name));
    const images: string[] = [];
    let servers: ServersFile;
    let opened: BroughtUse | undefined;
    /** What users had when the last release came. */
    let left: Pick<BroughtUse, "live" | "work"> | undefined;

    before(async function () {
      servers = await runningSandbox();
      // The packages are for this series.
      if ((JSON.parse(fs.readFileSync(baseRecord, "utf8")) as { series: string }).series !== "19.0") this.skip();
    });
    after(async () => {
      await opened?.target.remove();
      await closeBucket();
      if (images.length > 0) spawnSync("docker", ["rmi", ...images], { stdio: "ignore" });
    });
    afterEach(async function () {
      if (this.currentTest?.state === "failed") console.error(await opened?.target.story());
    });

    const build = async (name: string, files: Files): Promise<BroughtRelease> => {
      const release = await broughtRelease(servers, name, files);
      images.push(release.local);
      return release;
    };
    const odoo = (): BroughtUse => {
      assert.ok(opened !== undefined, "nothing was installed");
      return opened;
    };
    /** When the views of modules were written that have nothing to do with the five. */
    const viewsOfOthers = () =>
      odoo().target.sql(`SELECT md5(string_agg(v.id || v.write_date::text, ' ' ORDER BY v.id)) FROM ir_ui_view v
        JOIN ir_model_data d ON d.model = 'ir.ui.view' AND d.res_id = v.id
        WHERE d.module IN ('base', 'partner_firstname', 'sale_order_type', 'web_notify')`);

    it(`has ${packages.length} packages of OCA and a team's own modules installed at once`, async () => {
      const first = await build("oca-older", older);
      await openBucket(first.local);
      opened = new BroughtUse(await opening(servers, modules, first), modules, first);
      await odoo().deploy(first, "with its bucket");
      await odoo().begin();
      assert.deepEqual(await odoo().problems(), []);
    });

    it(`gets ${changing.length} newer packages, and nothing else is upgraded; waiting jobs run once, when users are back`, async () => {
      const next = await build("oca-newer", {});
      const before = await odoo().versions(changing);
      const untouched = await viewsOfOthers();
      assert.match(untouched, /^[0-9a-f]{32}$/);
      await odoo().plan(jobs, 3600);
      await odoo().deploy(next, "rehearsed", {
        // Nobody runs the release before any more: whoever runs them now is the release, or what comes after it.
        cloned: async () => {
          assert.equal(await odoo().makeDue(), jobs);
          await odoo().leaveTasks(jobs);
        },
        committed: async () => assert.equal(await odoo().waitingJobs(), jobs, "jobs that wait for the commit"),
      });
      assert.equal(await odoo().target.upgrades(), `maintenance: upgrades ${changing.join(", ")}`);
      assert.deepEqual(await odoo().problems(), []);
      assert.equal(await viewsOfOthers(), untouched);
      const after = await odoo().versions(changing);
      assert.deepEqual(after, Object.fromEntries(changing.map((name) => [name, now[name]])));
      assert.deepEqual(
        changing.filter((name) => before[name] === after[name]),
        [],
      );
    });

    it("gets a module with an icon, which goes to the bucket, and one that can be installed, and is the same after a restart", async () => {
      await odoo().useBucket();
      await odoo().upload();
      left = { live: odoo().live, work: odoo().work };
      await odoo().deploy(await build("oca-changed", changed), "with its bucket");
      assert.equal(await odoo().target.upgrades(), "maintenance: upgrades our_jobs, strict_passwords");
      const icon = `SELECT store_fname FROM ir_attachment a
        JOIN ir_model_data d ON d.model = a.res_model AND d.res_id = a.res_id
        WHERE a.res_field = 'web_icon_data' AND d.module = 'our_jobs'`;
      assert.match(await odoo().target.sql(icon), /^elsewhere:/);
      const listed = `SELECT state FROM ir_module_module WHERE name = '${added}'`;
      assert.equal(await odoo().target.sql(listed), "uninstalled");
      assert.deepEqual(await odoo().problems(), []);
      await odoo().target.restart();
      assert.deepEqual(await odoo().problems(), []);
    });

    it("goes back with its data to the release before, and all of it works there", async () => {
      assert.ok(left !== undefined, "there is no release to go back to");
      await odoo().rollBack(left);
      assert.deepEqual(await odoo().problems(), []);
    });
  });
}
