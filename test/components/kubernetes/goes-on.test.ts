import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { jobGoesOn } from "../../../components/kubernetes/goes-on";

const root = path.join(__dirname, "..", "..", "..");

describe("what an update says while it waits for the cluster", () => {
  it("names the command that shows each step of the release, with the Job's own name, as the docs do", async () => {
    const line = await new Promise<string>((resolve) => {
      jobGoesOn(pulumi.output("0123456789abcdef"), "books").apply(resolve);
    });
    const command = "until kubectl -n books logs -f job/odoo-upgrade-0123456789abcdef; do sleep 2; done";
    assert.ok(line.includes(`See each of its steps with \`${command}\``), line);
    const docs = fs.readFileSync(path.join(root, "docs", "release.md"), "utf8");
    assert.ok(docs.includes(command.replace("books", "odoo").replace("0123456789abcdef", "<id>")));
  });
});
