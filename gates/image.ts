import { ShipError } from "../components/shared/errors";
import { jsonOfLastLine } from "../components/shared/json";
import { docker, hardened, pulled } from "./docker";
import type { Gate } from "./gate";
import { lineOf } from "./layers";
import { layerFact, moduleFact } from "./report/facts";

export interface ImageOrder {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  /** Size of the unpacked image in bytes above which it fails. */
  readonly maxBytes: number;
  /** Modules that must be there and importable, with what they depend on. */
  readonly modules: readonly string[];
}

const minuteMs = 60_000;

/** Answers, for each wanted module, whether it is there and its Python can be imported. Run inside the image. */
const importing = `
import importlib, json, sys, traceback
import odoo
from odoo.modules.module import initialize_sys_path
try:
    from odoo.modules.module import get_manifest as manifest
except ImportError:
    from odoo.modules.module import load_information_from_description_file as manifest
odoo.tools.config.parse_config(["--addons-path", sys.argv[1]])
initialize_sys_path()
wanted, missing, broken = list(json.loads(sys.argv[2])), [], {}
for name in wanted:
    found = manifest(name)
    if not found:
        missing.append(name)
        continue
    wanted.extend(one for one in found.get("depends", ()) if one not in wanted)
    try:
        importlib.import_module("odoo.addons." + name)
    except BaseException:
        broken[name] = traceback.format_exc(limit=-1).strip().splitlines()[-1]
try:
    with open("/opt/odoo/release.json", encoding="utf-8") as file:
        contents = {name: {"version": str(one.get("version") or ""), "hash": one["hash"][:12]}
                    for name, one in sorted(json.load(file)["modules"].items())}
except OSError:
    contents = {}  # somebody else's image
print("\\n" + json.dumps({"imported": len(wanted), "missing": missing, "broken": broken, "contents": contents}))
`;

/** The image as it was pushed: its size, its entrypoint, its modules. */
export const image: Gate<ImageOrder> = {
  title: "size, entrypoint, modules of the image",
  budgetSeconds: 120,
  codes: {
    CONTAINER_START_FAILURE: {
      when: "no container of the image can be started",
      remedy: "read what Docker says; run the same image by hand: docs/by-hand.md",
    },
    ENTRYPOINT_ERROR: {
      when: "odoo --version through the entrypoint does not answer with Odoo's version",
      remedy: "undo the change of images/odoo/ that broke it",
    },
    IMAGE_SIZE_EXCEEDED: {
      when: "the image is larger than gates:imageMegabytes",
      remedy: "leave out what the largest layers bring, or raise the setting",
    },
    IMPORT_ERROR: {
      when: "the Python of a configured module cannot be imported",
      remedy: "add what it imports to addons/requirements.txt, or mend the module",
    },
    MISSING_ADDONS: {
      when: "a configured module, or one that it depends on, is not in the image",
      remedy: "add the module to addons/, or take its name out of image:modules and odoo:modules",
    },
  },
  async run(order, tools) {
    await pulled(order, tools);
    const layers = await layersWithContent(order);
    const bytes = await fits(order, layers);
    tools.say("odoo --version");
    const version = await versionOf(order);
    tools.say(`imports ${order.modules.join(", ") || "base"}`);
    const { imported, contents } = await importModules(order);
    const facts = { bytes, version, modules: imported, contents, layers: layers.map(layerFact) };
    return { facts, warnings: [] };
  },
};

interface SizedLayer {
  readonly bytes: number;
  /** The instruction that made it, as one short line. */
  readonly by: string;
}

/** The uppermost first. */
async function layersWithContent({ image }: ImageOrder): Promise<SizedLayer[]> {
  const { stdout: history } = await docker(
    ["history", "--human=false", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image],
    minuteMs,
  );
  return history
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .map(([size, by = ""]) => ({ bytes: Number(size), by: instruction(by) }))
    .filter(({ bytes }) => bytes > 0);
}

/** Without the values of build arguments, which stand before what a RUN does. */
function instruction(by: string): string {
  return lineOf(by)
    .replace(/^RUN \|\d+ .*? \/bin\/(?:sh|bash) (?:-\S+ )*/, "RUN ")
    .slice(0, 80);
}

async function fits({ image, maxBytes }: ImageOrder, layers: readonly SizedLayer[]): Promise<number> {
  const { stdout } = await docker(["image", "inspect", "--format", "{{.Size}}", image], minuteMs);
  const bytes = Number(stdout);
  if (bytes <= maxBytes) return bytes;
  const largest = layers.toSorted((a, b) => b.bytes - a.bytes).slice(0, 5);
  throw new ShipError({
    code: "IMAGE_SIZE_EXCEEDED",
    summary: "the image is too large",
    found: [
      `${megabytes(bytes)} MB; its largest layers:`,
      ...largest.map(({ bytes: size, by }) => `${megabytes(size)} MB  ${by}`),
    ].join("\n"),
    expected: `at most ${megabytes(maxBytes)} MB, as gates:imageMegabytes says`,
    remedy: "leave out packages that nobody needs, or raise gates:imageMegabytes",
  });
}

async function versionOf(order: ImageOrder): Promise<string> {
  const { status, stdout, tail } = await docker(
    ["run", ...hardened, "--network", "none", order.image, "odoo", "--version"],
    5 * minuteMs,
  );
  const version = /^Odoo Server \S+/m.exec(stdout)?.[0];
  if (status === 0 && version !== undefined) return version;
  // Docker's own status for a container that never ran.
  throw status === 125
    ? startFailure(tail)
    : new ShipError({
        code: "ENTRYPOINT_ERROR",
        summary: "the image does not start Odoo",
        found: tail || `exit status ${String(status)}`,
        expected: "odoo --version to answer Odoo Server and its version",
        remedy: "undo the change of images/odoo/ or of the requirements that broke it",
      });
}

async function importModules({ image, modules }: ImageOrder): Promise<{ imported: number; contents: string[] }> {
  const command = ["-c", importing, "/mnt/oca-addons,/mnt/extra-addons", JSON.stringify(["base", ...modules])];
  const { status, stdout, tail } = await docker(
    ["run", ...hardened, "--network", "none", "--entrypoint", "python3", image, "-B", ...command],
    10 * minuteMs,
  );
  if (status === 125) throw startFailure(tail);
  // Modules may print what they like before it.
  const answer = jsonOfLastLine(stdout) as Imported | null;
  if (answer === null) {
    throw new ShipError({
      code: "IMPORT_ERROR",
      summary: "Odoo itself cannot be imported in the image",
      found: tail,
      expected: "that import odoo works",
      remedy: "look for a requirement that replaces a package that Odoo needs",
    });
  }
  if (answer.missing.length > 0) {
    throw new ShipError({
      code: "MISSING_ADDONS",
      summary: "the image lacks configured modules, or what they depend on",
      found: answer.missing.join(", "),
      expected: "each module of image:modules and odoo:modules, and what they depend on",
      remedy: "add them to addons/, or take their names out of the settings",
    });
  }
  const broken = Object.entries(answer.broken);
  if (broken.length > 0) {
    throw new ShipError({
      code: "IMPORT_ERROR",
      summary: "Python of a configured module cannot be imported in the image",
      found: broken.map(([name, why]) => `${name}: ${why}`).join("\n"),
      expected: "modules that Odoo can load",
      remedy: "add what they import to addons/requirements.txt, or mend them",
    });
  }
  const contents = Object.entries(answer.contents).map(([name, one]) => moduleFact(name, one));
  return { imported: answer.imported, contents };
}

interface Imported {
  readonly imported: number;
  readonly missing: readonly string[];
  readonly broken: Readonly<Record<string, string>>;
  /** Modules that the image has beside Odoo's own. */
  readonly contents: Readonly<Record<string, { readonly version: string; readonly hash: string }>>;
}

function startFailure(tail: string): ShipError {
  return new ShipError({
    code: "CONTAINER_START_FAILURE",
    summary: "no container of the image can be started",
    found: tail,
    expected: "a container with a read-only root, without capabilities",
    remedy: "read the line above; docs/by-hand.md has the same command",
  });
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
