import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { tellApt } from "../../sandbox/images/packages";

const images = path.resolve(__dirname, "../../sandbox/images");
const names = fs.readdirSync(images).filter((name) => fs.existsSync(path.join(images, name, "Dockerfile")));

describe("The Debian packages of the sandbox's images", () => {
  it("are listed beside each recipe, each once, and no recipe installs any itself", () => {
    assert.ok(names.length >= 5, names.join());
    for (const name of names) {
      const list = fs
        .readFileSync(path.join(images, name, "packages", "list"), "utf8")
        .trim()
        .split("\n");
      for (const word of list) assert.match(word, /^[a-z0-9][a-z0-9.+-]+$/, `${name}: ${word}`);
      assert.deepEqual(list, [...new Set(list)], name);
      // What a Dockerfile downloads is lost when its build is cut.
      assert.doesNotMatch(fs.readFileSync(path.join(images, name, "Dockerfile"), "utf8"), /apt-get/, name);
    }
  });

  it("are installed by scripts that a shell understands", () => {
    const scripts = names.flatMap((name) => ["sources", "before"].map((part) => path.join(images, name, "packages", part)));
    for (const script of [path.join(images, "install-packages"), ...scripts.filter((file) => fs.existsSync(file))]) {
      execFileSync("sh", ["-n", script]);
    }
  });

  it("tell how far their installation is, by apt's status lines and nothing else", () => {
    const told: [string, number][] = [];
    const hear = tellApt((message, done = 0) => told.push([message, Math.round(done * 100)]));
    hear("dlstatus:1:50.0000:Retrieving file 1 of 2 (3s remaining)");
    hear("Get:1 http://deb.debian.org/debian trixie/main amd64 curl");
    hear("pmstatus:curl:50.0000:Unpacking curl (amd64)");
    hear("pmstatus:curl:100.0000:Installed curl (amd64)");
    assert.deepEqual(told, [
      ["downloading Debian packages", 15],
      ["installing Debian packages", 65],
      ["installing Debian packages", 100],
    ]);
  });
});
