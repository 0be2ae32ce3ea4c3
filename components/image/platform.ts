import * as fs from "node:fs";
import * as path from "node:path";

import { ask } from "../shared/ask";
import { ShipError } from "../shared/errors";

/** Variable by which every call of Docker's command line takes images of another platform. */
const variable = "DOCKER_DEFAULT_PLATFORM";
const dockerLimitMs = 10_000;
/** Other names that Docker takes, and variants that mean no more than the name alone. */
const sameAs: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  "amd64/v1": "amd64",
  aarch64: "arm64",
  "arm64/v8": "arm64",
};

/**
 * Refuses what would make a build's stages, or the trials of its image, of another platform than the image's. It is
 * read at each update: an image that the one before has pushed is tried with the variable of today.
 * @param platform of the image: `image:platform`
 * @param dockerfiles in the project
 * @throws ShipError PLATFORM_UNSUPPORTED, with every place
 */
export function refuseOtherPlatforms(
  root: string,
  platform: string,
  dockerfiles: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const wanted = environment[variable] ?? "";
  const ofVariable = wanted === "" || platformOf(wanted) === platform ? [] : [`${variable}=${wanted}`];
  const ofFiles = dockerfiles.flatMap((file) =>
    platformsIn(fs.readFileSync(path.join(root, file), "utf8"))
      .filter(({ value }) => !isOf(value, platform))
      .map(({ line, value }) => `${file}:${line}: FROM --platform=${value}`),
  );
  if (ofVariable.length + ofFiles.length === 0) return;
  throw unsupported(platform, [...ofVariable, ...ofFiles].join("\n"), [
    ...(ofVariable.length > 0 ? [`unset ${variable}, then run the update again`] : []),
    ...(ofFiles.length > 0 ? ["take --platform out of these lines: image:platform says it for every stage"] : []),
  ]);
}

/**
 * Refuses to build where Docker's engine is of another platform: by emulation a build takes hours where it does not
 * fail, and the image could not be tried as it is going to run. Where there is no engine the build itself says so.
 * @throws ShipError PLATFORM_UNSUPPORTED
 */
export async function refuseOtherEngine(root: string, platform: string): Promise<void> {
  const format = "{{.Server.Os}}/{{.Server.Arch}}";
  const { status, stdout } = await ask("docker", ["version", "--format", format], root, dockerLimitMs);
  const engine = stdout.trim();
  if (status !== 0 || !/^\w+\/\w+$/.test(engine) || platformOf(engine) === platform) return;
  throw unsupported(platform, `a Docker engine of ${engine}`, [
    `build where the engine is of ${platform}: on a CI runner, or on another machine by docker context or DOCKER_HOST`,
  ]);
}

function unsupported(platform: string, found: string, remedies: readonly string[]): ShipError {
  return new ShipError({
    code: "PLATFORM_UNSUPPORTED",
    summary: "the build would be of another platform than the machines that run the image; nothing was built",
    found,
    expected: `${platform}, as image:platform says`,
    remedy: remedies.join("\n"),
  });
}

/** Docker's own name of a platform: `linux/amd64` for `amd64` and for `Linux/x86_64`. */
function platformOf(text: string): string {
  const parts = text.toLowerCase().split("/");
  const [system = "", ...rest] = parts.length === 1 ? ["linux", ...parts] : parts;
  const [processor = "", ...variant] = rest;
  const name = [sameAs[processor] ?? processor, ...variant].join("/");
  return `${system}/${sameAs[name] ?? name}`;
}

/** Whether it is the image's platform, or the engine's, which {@link refuseOtherEngine} has looked at. */
function isOf(value: string, platform: string): boolean {
  return /^\$(\{?)(TARGET|BUILD)PLATFORM(\}?)$/.test(value) || platformOf(value) === platform;
}

/** Platforms that a Dockerfile's stages name, with the number of the line. */
function platformsIn(dockerfile: string): { readonly line: number; readonly value: string }[] {
  const defaults = new Map<string, string>();
  let begun = false;
  const found: { line: number; value: string }[] = [];
  for (const { line, text } of instructions(dockerfile)) {
    const [, name, preset = ""] = /^ARG\s+(\w+)=(\S*)/i.exec(text) ?? [];
    // Only those before the first stage count for the lines of stages.
    if (name !== undefined && !begun) defaults.set(name, unquoted(preset));
    begun ||= /^FROM\s/i.test(text);
    const value = /^FROM\s+(?:--\S+\s+)*?--platform=(\S+)/i.exec(text)?.[1];
    if (value === undefined) continue;
    const known = unquoted(value).replaceAll(/\$\{?(\w+)\}?/g, (all, key: string) => defaults.get(key) ?? all);
    found.push({ line, value: known });
  }
  return found;
}

/** Instructions of a Dockerfile, each on one line, without comments. */
function instructions(dockerfile: string): { readonly line: number; readonly text: string }[] {
  const found: { line: number; text: string }[] = [];
  let begun: { line: number; text: string } | undefined;
  for (const [index, text] of dockerfile.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(text)) continue;
    begun = { line: begun?.line ?? index + 1, text: `${begun?.text ?? ""} ${text.replace(/\\\s*$/, "")}`.trim() };
    if (/\\\s*$/.test(text)) continue;
    found.push(begun);
    begun = undefined;
  }
  return found;
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, "$2");
}
