/**
 * Loads index.ts, which is the program. Pulumi's own way to load TypeScript takes seconds at every update.
 *
 * The program is bundled into one script, and bundled again when any file of the sources is not what it was: by
 * content, never by date. What takes long is to compile the packages: Node keeps the outcome in a folder, by content.
 * Both go without where nothing can be written. Types are not looked at here; `npm test` does that.
 */
"use strict";
const { Buffer } = require("node:buffer");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const node = require("node:module");
const path = require("node:path");

// In the project, not in a directory for temporary files, where others could put code before us.
const folder = path.join(__dirname, ".build", "program");
const script = path.join(folder, "index.js");

// Not in Node 22.0.
node.enableCompileCache?.(path.join(folder, "compiled"));
loadLater("@npmcli/arborist", "typescript");
endUnheard();
const made = contentOf(sources());
const code = kept(made) ?? bundle("index.ts", made);
nameSources(code);
module._compile(code, script);

/** Files that a bundle may be made of, and what decides how: the project's own beside this one, and its components. */
function sources() {
  const known = /\.([cm]?[jt]sx?|json)$/;
  const components = path.join(__dirname, "components");
  const below = fs.existsSync(components) ? fs.readdirSync(components, { recursive: true }) : [];
  const names = [...fs.readdirSync(__dirname), ...below.map((name) => path.join("components", name))];
  return [...names.filter((name) => known.test(name)).sort(), path.join("node_modules", "esbuild", "package.json")];
}

/** Names and contents as one word; of what cannot be read, such as an editor's lock, the name alone. */
function contentOf(names) {
  const all = createHash("sha256");
  for (const name of names) {
    let content = "";
    try {
      content = fs.readFileSync(path.join(__dirname, name));
    } catch {
      // If it is needed, the bundler says what is wrong with it.
    }
    all.update(`${name}\0${content.length}\0`).update(content);
  }
  return all.digest("hex");
}

/** The script of an earlier start, if it was made of the same sources and nobody has changed it since. */
function kept(made) {
  try {
    const text = fs.readFileSync(script, "utf8");
    return text.startsWith(firstLine(made, text.slice(text.indexOf("\n") + 1))) ? text : undefined;
  } catch {
    return undefined;
  }
}

function firstLine(made, rest) {
  return `// of ${made}: ${createHash("sha256").update(rest).digest("hex")}\n`;
}

/** The file and all of the project that it imports, as one script; packages stay outside. */
function bundle(file, made) {
  const { outputFiles, metafile } = require("esbuild").buildSync({
    entryPoints: [file],
    absWorkingDir: __dirname,
    outfile: script,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node22",
    format: "cjs",
    // The line that is put before it.
    banner: { js: "//" },
    sourcemap: "inline",
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const rest = outputFiles[0].text.slice("//\n".length);
  // What is made of other files, too, is made again each time.
  const known = new Set(sources());
  const whole = Object.keys(metafile.inputs).every((name) => known.has(path.normalize(name)));
  const text = firstLine(whole ? made : "files elsewhere", rest) + rest;
  keep(text);
  return text;
}

/**
 * Nobody reads what the program says once its engine has been killed. The SDK tells of an error that nobody has caught,
 * fails at that, too, and so for ever with all of a processor.
 */
function endUnheard() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => process.exit(1));
  }
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
 * Names lines of the sources in stacks, of which Pulumi's SDK takes one at each step of each resource. The package that
 * it would ask for them takes long to read the map.
 */
function nameSources(text) {
  const show = Error.prepareStackTrace;
  if (show === undefined) {
    return;
  }
  const known = new Map();
  let map;
  const named = (place) => {
    const at = place.lastIndexOf(`${script}:`);
    const [whole, line, column] = /^(\d+):(\d+)/.exec(place.slice(at + script.length + 1)) ?? [];
    if (at === -1 || whole === undefined) {
      return place;
    }
    map ??= new node.SourceMap(JSON.parse(Buffer.from(text.slice(text.lastIndexOf(",") + 1), "base64")));
    const { originalSource, originalLine, originalColumn } = map.findEntry(line - 1, column - 1);
    if (originalSource === undefined) {
      return place;
    }
    const source = `${path.resolve(folder, originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
    return place.slice(0, at) + source + place.slice(at + script.length + 1 + whole.length);
  };
  Error.prepareStackTrace = (error, frames) => {
    const texts = frames.map((frame) => {
      const place = String(frame);
      if (!known.has(place)) {
        known.set(place, `\n    at ${named(place)}`);
      }
      return known.get(place);
    });
    return show(error, []) + texts.join("");
  };
}
