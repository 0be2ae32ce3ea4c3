import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import { closeServer, listenOnSocket } from "../../support/listen";

/** The machines' way to the registry. That it leads to the registry itself is shown in test/e2e. */
describe("A server on a Unix socket", () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-socket-"));
  after(() => fs.rmSync(home, { recursive: true }));

  const answer = (socketPath: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      http.get({ socketPath, path: "/v2/" }, (response) => resolve(response.resume().statusCode)).once("error", reject);
    });

  it("answers there, also where a killed one has left its file, and leaves none when it ends", async () => {
    const file = path.join(home, "host", "registry.sock");
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, "left behind");
    const server = http.createServer((_, response) => response.writeHead(401).end());
    await listenOnSocket(server, file);
    assert.equal(await answer(file), 401);
    await closeServer(server);
    assert.ok(!fs.existsSync(file));
  });

  it("may lie deeper than a socket's path can be long, below the directory that it is started in", async () => {
    const deep = path.join(home, "d".repeat(120));
    fs.mkdirSync(deep);
    const before = process.cwd();
    process.chdir(deep);
    try {
      const server = http.createServer((_, response) => response.writeHead(200).end());
      await listenOnSocket(server, path.join(deep, "host", "registry.sock"));
      assert.equal(await answer(path.join("host", "registry.sock")), 200);
      await closeServer(server);
    } finally {
      process.chdir(before);
    }
  });
});
