import assert from "node:assert/strict";

import { npm } from "../../support/npm";
import { sample } from "../../support/sample";

/** What is printed as each step begins, at once after the one before it; then the end. */
const moments = [
  "Preflight",
  "Docker engine",
  "DigitalOcean API and registry",
  "Pulumi engine and plugins",
  "Base images",
  "Stack",
  "pulumi up",
  "pulumi up: done",
] as const;
/** A process that is told to end tidies up; one that is killed leaves what it was at. */
const chosen = {
  SIGINT: ["pulumi up"],
  SIGKILL: ["Docker engine"],
} as const;

describe("npm start, interrupted", () => {
  let reference: string | undefined;

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    for (const moment of sample(moments, chosen[signal])) {
      it(`by ${signal} at "${moment}" ends well the next time`, async () => {
        const title = new RegExp(`\\] ${moment}${moment.endsWith("done") ? "" : "$"}`, "m");
        let ended = false;
        const interrupted = await npm(["start"], (output, end) => {
          if (!ended && title.test(output)) {
            ended = true;
            end(signal);
          }
        });
        assert.ok(ended, interrupted.output);
        const { status, output } = await npm(["start"]);
        assert.equal(status, 0, output);
        const printed = /^imageReference +(\S+)$/m.exec(output)?.[1];
        assert.ok(printed !== undefined, output);
        assert.equal(printed, (reference ??= printed));
      });
    }
  }
});
