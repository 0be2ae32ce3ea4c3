import assert from "node:assert/strict";

import { reportOf } from "../../../components/odoo/history";
import { historyOf } from "../../support/made-up-stack";

describe("what a target tells of its releases", () => {
  const history = historyOf();

  it("is the last line of JSON, whatever a login shell says before it", () => {
    assert.deepEqual(reportOf("vps", `Welcome!\n${JSON.stringify(history)}\n`, "silent"), {
      target: "vps",
      history,
      problem: "",
    });
  });

  it("is not there where nothing of that kind was printed, and the reason is", () => {
    assert.deepEqual(reportOf("vps", "", "no\u001b words"), {
      target: "vps",
      history: undefined,
      problem: "no? words",
    });
  });

  it("is refused where a digest, a point or a name is none: they go into commands", () => {
    const live = { digest: "sha256:--yes", since: history.live?.since ?? "", restored: null };
    const [point] = history.points;
    const [release] = history.releases;
    for (const bad of [
      { live },
      { points: [{ ...point, id: "--to" }] },
      { releases: [{ ...release, changed: ["a\u001b[2J"] }] },
      { installed: "all" },
    ]) {
      const { history: found, problem } = reportOf("vps", JSON.stringify({ ...history, ...bad }), "silent");
      assert.deepEqual([found, problem.startsWith("its worker answers in another form")], [undefined, true]);
    }
  });
});
