import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

const root = path.join(__dirname, "..");
const execute = promisify(execFile);

/** As Pulumi's SDK does it: stacks are mapped before the program is required, and what it exports is called. */
const start = `require("source-map-support").install();
Promise.resolve().then(() => require("./load-program.js")()).then(console.log, (error) => console.log(error.stack));`;

describe("the loader of the program", () => {
  let project: string;
  const built = () => path.join(project, ".build", "program", "index.js");
  const write = (name: string, text: string) => fs.writeFileSync(path.join(project, name), text);
  const run = async () => (await execute(process.execPath, ["-e", start], { cwd: project })).stdout.trim();

  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), "load-program-"));
    fs.copyFileSync(path.join(root, "load-program.js"), path.join(project, "load-program.js"));
    fs.symlinkSync(path.join(root, "node_modules"), path.join(project, "node_modules"));
    write("index.ts", 'import { part } from "./part";\n\nexport = (): Promise<string> => Promise.resolve(part());\n');
    write("part.ts", 'export function part(): string {\n  return "first";\n}\n');
  });
  afterEach(() => fs.rmSync(project, { recursive: true, force: true }));

  it("runs index.ts and what it imports", async () => {
    assert.equal(await run(), "first");
  });

  it("ends when nobody reads any more what it says", async () => {
    write("index.ts", 'export = () => new Promise(() => setInterval(() => console.error("a word"), 10));\n');
    // As the SDK, which tells of an error that nobody has caught.
    const told = `process.on("uncaughtException", (error) => console.error(error.stack)); ${start}`;
    const program = spawn(process.execPath, ["-e", told], { cwd: project, stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise<number | null>((resolve) => program.once("close", resolve));
    await new Promise((resolve) => program.stderr.once("data", resolve));
    program.stderr.destroy();
    try {
      assert.equal(await ended, 1);
    } finally {
      program.kill("SIGKILL");
    }
  });

  it("runs what is there now, also with dates and size of before", async () => {
    await run();
    const { atime, mtime } = fs.statSync(path.join(project, "part.ts"));
    write("part.ts", 'export function part(): string {\n  return "other";\n}\n');
    fs.utimesSync(path.join(project, "part.ts"), atime, mtime);
    assert.equal(await run(), "other");
  });

  it("runs a file that stands in the way of another by now", async () => {
    write("index.ts", 'import { part } from "./parts";\nexport = () => part();\n');
    fs.mkdirSync(path.join(project, "parts"));
    write("parts/index.ts", 'export const part = () => "folder";\n');
    assert.equal(await run(), "folder");
    write("parts.ts", 'export const part = () => "file";\n');
    assert.equal(await run(), "file");
  });

  it("bundles again only what has changed", async () => {
    write(
      "index.ts",
      'import { part } from "./part";\nimport { word } from "./words.json";\nexport = () => part() + word;\n',
    );
    write("words.json", '{"word": ""}');
    await run();
    const first = fs.statSync(built()).ino;
    assert.equal(await run(), "first");
    assert.equal(fs.statSync(built()).ino, first, "it was bundled again, with nothing changed");
    write("part.ts", 'export const part = () => "other";\n');
    assert.equal(await run(), "other");
    assert.notEqual(fs.statSync(built()).ino, first);
  });

  it("bundles again when a file comes into the way of another, in a component", async () => {
    write("index.ts", 'import { part } from "./components/part";\nexport = () => part();\n');
    fs.mkdirSync(path.join(project, "components", "part"), { recursive: true });
    write("components/part/index.ts", 'export const part = () => "folder";\n');
    assert.equal(await run(), "folder");
    write("components/part.ts", 'export const part = () => "file";\n');
    assert.equal(await run(), "file");
  });

  it("never runs what it kept and somebody has changed", async () => {
    await run();
    const text = fs.readFileSync(built(), "utf8");
    for (const changed of [text.replace('"first"', '"kept"'), 'module.exports = () => "kept";\n', ""]) {
      assert.notEqual(changed, text);
      fs.writeFileSync(built(), changed);
      assert.equal(await run(), "first");
    }
  });

  it("is not harmed by a spoilt cache of compiled code", async () => {
    await run();
    const compiled = path.join(project, ".build", "program", "compiled");
    const files = fs
      .readdirSync(compiled, { recursive: true, encoding: "utf8" })
      .map((name) => path.join(compiled, name));
    const caches = files.filter((file) => fs.statSync(file).isFile());
    assert.ok(caches.length > 0);
    for (const file of caches) fs.writeFileSync(file, "spoilt");
    assert.equal(await run(), "first");
  });

  it("goes without where nothing can be written", async () => {
    // A file in the place of the folder: root may write into every folder.
    write(".build", "");
    assert.equal(await run(), "first");
  });

  it("runs several times at once", async () => {
    assert.deepEqual(await Promise.all([run(), run(), run(), run()]), ["first", "first", "first", "first"]);
    assert.deepEqual(fs.readdirSync(path.dirname(built())).sort(), ["compiled", "index.js"]);
  });

  it("loads what dynamic providers alone need when somebody has one", async () => {
    write(
      "index.ts",
      `const { runtime } = require("@pulumi/pulumi");
const loaded = (name: string) => Object.keys(require.cache).some((file) => file.includes(\`/node_modules/\${name}/\`));
export = async () => {
  const before = ["typescript", "@npmcli/arborist"].map(loaded);
  const { text } = await runtime.serializeFunction(() => "sent along");
  const { Arborist } = require("@npmcli/arborist");
  return [...before, text.includes("sent along"), loaded("typescript"), Arborist.name].join(" ");
};
`,
    );
    assert.equal(await run(), "false false true true Arborist");
  });

  it("names lines of the sources in stacks", async () => {
    write(
      "part.ts",
      'interface Unused {\n  readonly a: string;\n}\n\nexport function part(): string {\n  throw new Error("no");\n}\n',
    );
    const stack = await run();
    assert.match(
      stack,
      new RegExp(`^Error: no\n +at part \\(${path.join(fs.realpathSync(project), "part.ts")}:6:9\\)\n`),
    );
    assert.match(stack, /index\.ts:3:/);
  });

  it("names each time what was thrown, and from where", async () => {
    write(
      "index.ts",
      `function stack(message: string): string {
  return String(new TypeError(message).stack);
}
export = () =>
  [
    stack("first"),
    stack("second"),
  ].join("\\n");
`,
    );
    const [first = "", second = ""] = (await run()).split(/(?=^TypeError: second)/m);
    assert.match(first, /^TypeError: first\n +at stack .*index\.ts:2:\d+\)\n.*index\.ts:6:\d+/);
    assert.match(second, /^TypeError: second\n +at stack .*index\.ts:2:\d+\)\n.*index\.ts:7:\d+/);
  });

  it("names the place of what is no TypeScript", async () => {
    write("part.ts", "export function part(: string {}\n");
    assert.match(await run(), /part\.ts:1:21: ERROR: /);
  });
});
