import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { refuseOtherEngine, refuseOtherPlatforms } from "../../../components/image/platform";
import { Programs } from "../../support/programs";

const root = path.resolve(__dirname, "..", "..", "..");
const amd = "linux/amd64";

describe("the platform of a build", () => {
  let programs: Programs;
  beforeEach(() => (programs = new Programs()));
  afterEach(() => programs.remove());

  const look = (dockerfile: string, platform = amd, environment: NodeJS.ProcessEnv = {}) => {
    fs.writeFileSync(path.join(programs.folder, "Dockerfile"), dockerfile);
    refuseOtherPlatforms(programs.folder, platform, ["Dockerfile"], environment);
  };
  const plain = "FROM scratch AS first\nFROM first\n";

  it("is the image's in the Dockerfiles of the project", () => {
    const files = ["images/odoo/Dockerfile", "images/proxy/Dockerfile"];
    for (const platform of [amd, "linux/arm64"]) refuseOtherPlatforms(root, platform, files, {});
  });

  it("may be named by Docker's variable in each way that means the image's, and is refused otherwise", () => {
    for (const same of ["", "linux/amd64", "amd64", "Linux/x86_64", "linux/amd64/v1"]) {
      assert.doesNotThrow(() => look(plain, amd, { DOCKER_DEFAULT_PLATFORM: same }), same);
    }
    assert.doesNotThrow(() => look(plain, "linux/arm64", { DOCKER_DEFAULT_PLATFORM: "linux/aarch64/v8" }));
    for (const other of ["linux/arm64", "arm64", "linux/arm/v7", "windows/amd64", "linux/amd64/v3"]) {
      assert.throws(
        () => look(plain, amd, { DOCKER_DEFAULT_PLATFORM: other }),
        new RegExp(
          `PLATFORM_UNSUPPORTED: [^]*found: +DOCKER_DEFAULT_PLATFORM=${other}\n +expected: linux/amd64[^]*` +
            "remedy: +unset DOCKER_DEFAULT_PLATFORM",
        ),
        other,
      );
    }
  });

  const stages: readonly (readonly [what: string, text: string, found: RegExp | undefined])[] = [
    ["of the image's own platform", "FROM --platform=linux/amd64 a\n", undefined],
    ["of the platform that the build is for", "FROM --platform=$TARGETPLATFORM a\nFROM a\n", undefined],
    ["of the engine's", "FROM --platform=${BUILDPLATFORM} a AS builder\n", undefined],
    ["named in a comment", "# FROM --platform=linux/arm64 a\nFROM a\n", undefined],
    ["of another one", "FROM a\n\nFROM --platform=linux/arm64 b\n", /Dockerfile:3: FROM --platform=linux\/arm64/],
    ["in small letters, with quotes", 'from --platform="linux/arm64" a\n', /Dockerfile:1: .*=linux\/arm64/],
    ["over two lines", "FROM a\nFROM \\\n  --platform=arm64 \\\n  b\n", /Dockerfile:2: .*=arm64/],
    ["by an argument's default", "ARG CPU=arm64\nFROM --platform=linux/${CPU} a\n", /Dockerfile:2: .*=linux\/arm64/],
    ["by a stage's argument", "FROM a\nARG CPU=amd64\nFROM --platform=$CPU a\n", /Dockerfile:3: .*=\$CPU/],
    ["by an argument of nobody", "ARG CPU\nFROM --platform=linux/$CPU a\n", /Dockerfile:2: .*=linux\/\$CPU/],
  ];
  for (const [what, text, found] of stages) {
    it(`${found ? "is refused of" : "may be that of"} a stage ${what}`, () => {
      if (found === undefined) assert.doesNotThrow(() => look(text));
      else assert.throws(() => look(text), found);
    });
  }

  it("is told with every place at once", () => {
    assert.throws(
      () => look("FROM --platform=arm64 a\nFROM --platform=s390x b\n", amd, { DOCKER_DEFAULT_PLATFORM: "arm64" }),
      /PLATFORM=arm64\n[^]*Dockerfile:1[^]*Dockerfile:2[^]*remedy: +unset[^]*take --platform out/,
    );
  });

  it("is that of Docker's engine, or nothing is built", async () => {
    programs.recorded("docker", "echo linux/arm64");
    await assert.rejects(
      refuseOtherEngine(programs.folder, amd),
      /PLATFORM_UNSUPPORTED[^]*a Docker engine of linux\/arm64[^]*expected: linux\/amd64[^]*DOCKER_HOST/,
    );
    assert.deepEqual(programs.calls("docker"), ["version --format {{.Server.Os}}/{{.Server.Arch}}"]);
    await refuseOtherEngine(programs.folder, "linux/arm64");
    programs.add("docker", "echo linux/amd64");
    await refuseOtherEngine(programs.folder, amd);
  });

  it("is not told without an engine: the build itself says so", async () => {
    for (const script of ["echo linux/arm64; exit 1", "echo", "echo '<no value>/<no value>'"]) {
      programs.add("docker", script);
      await refuseOtherEngine(programs.folder, amd);
    }
  });
});
