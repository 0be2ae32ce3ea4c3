import type { Settings } from "../../settings";
import type { BaseImage } from "./base-image";
import { argumentsOfSettings, type BuildSettings } from "./build-arguments";
import type { Repository } from "./repositories";

/** What decides about the image beside the files: the settings of the stack that builds, and the base. */
export interface PlainBuild {
  readonly image: BuildSettings & Pick<Settings["image"], "addons" | "ocaAddons" | "caFile" | "modules">;
  /** Modules that a database gets from the image: they must be there. */
  readonly installed: readonly string[];
  /** Repositories of addons that the build fetches. */
  readonly repositories: readonly Repository[];
  readonly base: BaseImage;
}

/** Values of build arguments, by name. */
type Values = Readonly<Record<string, string>>;

const header = `# Made by "npm run docs" of images/odoo and Pulumi.staging.yaml: do not edit.
#
#   docker build -t odoo .                       the files that "pulumi up" builds, for a look on one machine
#   docker build --target builder -t builder .   up to one stage: builder, python, check, test, runtime
#
# Docker 23 or newer; an older one with DOCKER_BUILDKIT=1. A release is what "pulumi up" builds: it also has commit,
# date and labels, by which hosts, registry and rollbacks know it.
`;

/** Build arguments that decide what is laid out. */
const laidOutBy = ["SERIES", "ADDONS", "OCA_ADDONS", "REPOSITORIES", "CA_FILE", "PYTHON_PACKAGES", "MODULES_REQUIRED"];

/** Lays out what the other stages copy. What did not change in it changes none of them. */
const filesStage = (values: Values, installed: readonly string[]) => `
# ---- files: the build context of "pulumi up", laid out of the project ---------------------------------------------
FROM tools AS files
${laidOutBy.map((name) => argument("", name, values)).join("\n")}
WORKDIR /project
RUN --mount=type=bind,target=/project \\
    python3 -B images/odoo/plain_context.py /files "\${SERIES}" --addons \${ADDONS} --oca \${OCA_ADDONS} \\
      --repository \${REPOSITORIES} --ca "\${CA_FILE}" --package \${PYTHON_PACKAGES} \\
      --require ${["${MODULES_REQUIRED}", ...installed].join(" ")}

`;

/**
 * Renders the Dockerfile of the project's root, for people who type `docker build .`: the image's own Dockerfile, with
 * the settings as defaults, and a stage that lays out what `pulumi up` sends as build context.
 * @param dockerfile text of images/odoo/Dockerfile
 */
export function plainDockerfile(dockerfile: string, build: PlainBuild): string {
  const [pragma = "", ...lines] = dockerfile.split("\n");
  const values = buildValues(build);
  const bind = "--mount=type=bind";
  const text = lines
    .map((line) => line.replace(/^ARG (\w+)(=.*)?$/, (all, name: string) => argument(all, name, values)))
    .map((line) => line.replace(/^COPY (?!--from)((?:--\S+ )*)(.*) (\S+)$/, fromFiles))
    .map((line) => line.replaceAll(`${bind},source=`, `${bind},from=files,source=/files/`))
    .join("\n");
  const place = text.indexOf("\n# ---- trusting:");
  return `${pragma}\n${header}#\n${text.slice(0, place)}${filesStage(values, build.installed)}${text.slice(place)}`;
}

/** Renders .dockerignore: nothing reaches a build but the image's files, the addons, and the authority of a setting. */
export function plainIgnore({ image: { addons, ocaAddons, caFile } }: PlainBuild): string {
  const folders = ["images/odoo", "deploy/odoo.conf", ...addons, ...ocaAddons, ...(caFile === "" ? [] : [caFile])];
  return `# Made by \`npm run docs\`: do not edit. State, secrets and history stay where they are.
*
${folders.map((folder) => `!${folder}`).join("\n")}
**/.*
!**/.gitignore
**/__pycache__
**/node_modules
`;
}

function buildValues({ image, base, repositories }: PlainBuild): Values {
  return {
    ...argumentsOfSettings(image, base),
    BASE_IMAGE: `${base.reference}:${base.tag}@${base.digest}`,
    MODULES_REQUIRED: image.modules.join(" "),
    VERSION: "by-hand",
    ADDONS: image.addons.join(" "),
    OCA_ADDONS: image.ocaAddons.join(" "),
    REPOSITORIES: repositories.map(({ name, url, commit }) => `${name}=${url}@${commit}`).join(" "),
    CA_FILE: image.caFile,
  };
}

function argument(line: string, name: string, values: Values): string {
  return values[name] === undefined ? line : `ARG ${name}="${values[name]}"`;
}

function fromFiles(_: string, flags: string, files: string, target: string): string {
  const there = files.split(" ").map((file) => `/files/${file}`);
  return `COPY --from=files ${flags}${there.join(" ")} ${target}`;
}
