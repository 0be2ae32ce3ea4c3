/**
 * Loads index.ts, which is the program. Pulumi's own way to load TypeScript takes seconds at every update.
 *
 * The program is bundled at every start, within a tenth of a second, and what runs is what was bundled: never a file of
 * an earlier time. What takes long is to compile the packages: Node keeps the outcome in a folder, by content, and goes
 * without it where nothing can be written. Types are not looked at here; `npm test` does that.
 */
"use strict";
const { buildSync } = require("esbuild");
const fs = require("node:fs");
const node = require("node:module");
const path = require("node:path");

// In the project, not in a directory for temporary files, where others could put code before us.
const folder = path.join(__dirname, ".build", "program");
const script = path.join(folder, "index.js");

// Not in Node 22.0.
node.enableCompileCache?.(path.join(folder, "compiled"));
loadLater("@npmcli/arborist", "typescript");
const code = bundle("index.ts");
keep(code);
rememberFrames();
module._compile(code, script);

/** The file and all of the project that it imports, as one script; packages stay outside. */
function bundle(file) {
  const { outputFiles } = buildSync({
    entryPoints: [file],
    absWorkingDir: __dirname,
    outfile: script,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node22",
    format: "cjs",
    sourcemap: "inline",
    sourcesContent: false,
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0].text;
}

/** Packages that the SDK asks for at its start and needs for dynamic providers alone: loaded when one is used. */
function loadLater(...names) {
  const load = node._load;
  node._load = (name, ...rest) => {
    if (!names.includes(name)) {
      return load(name, ...rest);
    }
    // A module of this kind is not copied by whoever imports it.
    return new Proxy({}, { get: (_, key) => key === "__esModule" || load(name, ...rest)[key] });
  };
}

/**
 * For stacks, debuggers and the positions in Pulumi's state: whoever names lines of the sources reads the script's
 * source map from the disk.
 */
function keep(text) {
  const whole = `${script}.${process.pid}`;
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(whole, text);
    fs.renameSync(whole, script);
  } catch {
    // They name lines of the script instead.
  }
}

/**
 * Pulumi's SDK takes a stack at each step of each resource: which line of the sources a frame is at is looked up once.
 */
function rememberFrames() {
  const show = Error.prepareStackTrace;
  if (show === undefined) {
    return;
  }
  const known = new Map();
  Error.prepareStackTrace = (error, frames) => {
    const texts = frames.map((frame) => {
      const place = String(frame);
      if (!known.has(place)) {
        known.set(place, show({}, [frame]).slice(show({}, []).length));
      }
      return known.get(place);
    });
    return show(error, []) + texts.join("");
  };
}
