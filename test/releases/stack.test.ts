import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { PulumiStack } from "../../releases/stack";

describe("A stack, as Pulumi's command line tells of it", () => {
  const usual = process.env["PATH"];
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stack-"));
    process.env["PATH"] = `${folder}:${usual}`;
  });
  afterEach(() => {
    process.env["PATH"] = usual;
    fs.rmSync(folder, { recursive: true });
  });

  const preview = (script: string) => {
    fs.writeFileSync(path.join(folder, "pulumi"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return new PulumiStack("staging", folder).preview([]);
  };

  it("says of a first preview with a cluster that there is none yet, without the engine's trace", async () => {
    const trace =
      "panic: attempt to encrypt value\\n\\ngoroutine 50 [running]:\\nconfig.panicCrypter.EncryptValue(...)\\n";
    await assert.rejects(preview(`printf '${trace}' >&2; exit 2`), ({ message }: Error) => {
      assert.match(message, /^SETTINGS_INVALID: the stack staging has no cluster yet[^]*after the first pulumi up/);
      assert.doesNotMatch(message, /goroutine/);
      return true;
    });
  });

  it("answers a preview that was refused, which says why in the same form", async () => {
    const { printed } = await preview(`echo '{"diagnostics": []}'; exit 255`);
    assert.equal(printed, '{"diagnostics": []}\n');
  });

  it("tells Pulumi's own words where it does not come to a preview", async () => {
    await assert.rejects(preview("echo 'error: no stack named staging' >&2; exit 1"), /no stack named staging/);
  });
});
