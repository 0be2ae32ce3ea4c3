import assert from "node:assert/strict";

import { fitOf } from "../../releases/fit";
import type { BakedModules, ReleasedImage } from "../../releases/images";
import { digestOf, historyOf, movedHistory, newer, older, reportOf } from "../support/made-up-stack";

const image = (digest: string, modules?: BakedModules, base = "base"): ReleasedImage => ({
  digest,
  tags: [],
  revision: "",
  created: "",
  base,
  modules,
});
const sale = (version: string) => ({ sale: { version: `19.0.1.${version}`, hash: version } });
const pair = { from: image(newer, sale("2")), to: image(older, sale("1")) };
const never = digestOf("c");

describe("whether a release fits the data of a target", () => {
  it("is a yes where no installed module differs, whatever else is in the image", () => {
    assert.deepEqual(fitOf(reportOf(historyOf()), older, pair), { target: "vps", kind: "fits", reasons: [] });
  });

  it("is said of one that serves already, and of a target without any", () => {
    assert.equal(fitOf(reportOf(historyOf()), newer, pair).kind, "serves");
    assert.equal(fitOf(reportOf(historyOf({ live: null })), older, pair).kind, "fits");
  });

  it("is a no where a newer release has upgraded the data, with the versions", () => {
    assert.deepEqual(fitOf(reportOf(movedHistory()), older, pair), {
      target: "vps",
      kind: "unfit",
      reasons: ["the data are those of newer modules: sale 19.0.1.2 → 19.0.1.1"],
    });
  });

  it("is a no where a module was installed since that the older image lacks", () => {
    const history = historyOf();
    const releases = history.releases.map((one) => ({ ...one, added: one.digest === older ? ["stock_own"] : [] }));
    const own = { stock_own: { version: "1.0", hash: "x" } };
    const report = reportOf({ ...history, releases });
    const from = image(newer, { ...sale("2"), ...own });
    assert.deepEqual(fitOf(report, older, { ...pair, from }).reasons, [
      "it lacks modules that the database has installed: stock_own",
    ]);
    assert.equal(fitOf(report, older, { from, to: image(older, { ...sale("1"), ...own }) }).kind, "fits");
  });

  it("of a release that the data never were those of goes by the images: an upgrade, or a module of before", () => {
    const up = fitOf(reportOf(historyOf()), never, { from: pair.from, to: image(never, sale("10")) });
    assert.deepEqual([up.kind, up.reasons], ["upgrades", ["it upgrades sale 19.0.1.2 → 19.0.1.10"]]);
    const down = fitOf(reportOf(historyOf()), never, { from: pair.from, to: image(never, sale("1")) });
    assert.deepEqual(
      [down.kind, down.reasons],
      ["unfit", ["it has older modules than the database: sale 19.0.1.2 → 19.0.1.1"]],
    );
  });

  it("is not known where nothing tells, and says what", () => {
    const lost = fitOf(reportOf(undefined, "no route to the host"), older, pair);
    assert.deepEqual([lost.kind, lost.reasons], ["unknown", ["what its data need is not known: no route to the host"]]);
    assert.equal(fitOf(reportOf(historyOf()), never, { from: undefined, to: undefined }).kind, "unknown");
    const base = fitOf(reportOf(historyOf()), never, { from: pair.from, to: image(never, sale("2"), "other base") });
    assert.deepEqual([base.kind, base.reasons], ["unknown", ["it has another base image, with Odoo's own base"]]);
  });

  it("shows no control character of a version that somebody wrote into a module", () => {
    const bad = { sale: { version: "1\u001b]0;x\u0007\u202e", hash: "1" } };
    const [reason = ""] = fitOf(reportOf(movedHistory()), older, { ...pair, to: image(older, bad) }).reasons;
    assert.match(reason, /→ 1\?\]0;x\?\?$/);
  });
});
