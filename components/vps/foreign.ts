import type { ErrorCode } from "../shared/errors";
import { names } from "./names";

/** The probe's lines, by their keys. */
export type Lines = ReadonlyMap<string, string>;

/** A reason why a host cannot run Odoo as it is. */
export interface Finding {
  readonly code: ErrorCode;
  readonly found: string;
  readonly expected: string;
  readonly remedy: string;
}

const own = {
  ...names,
  containers: Object.values<string>(names.containers),
  volumes: Object.values<string>(names.volumes),
};

/**
 * Something else that has the names of ours: a release would stop it, write over its files, or start a second
 * PostgreSQL on its data.
 */
export function foreignFindings(line: Lines): Finding[] {
  const ours = line.get("ours") === "yes";
  const found = [...line]
    .filter(([key]) => key.startsWith("container:"))
    .flatMap(([, text]) => {
      const [name = "", project = "", folder = "", mounts = ""] = text.split("|");
      const volumes = own.volumes.filter((volume) => mounts.split(",").includes(volume));
      const named = own.containers.some((one) => name.split(",").includes(one)) || project === own.project;
      if ((ours && project === own.project && folder === own.folder) || (!named && volumes.length === 0)) return [];
      const of = project === "" ? "" : `project ${project} in ${folder || "an unknown folder"}`;
      const details = [of, ...volumes.map((volume) => `volume ${volume}`)].filter((part) => part !== "");
      return [`container ${name}${details.length === 0 ? "" : ` (${details.join(", ")})`}`];
    });
  if (!ours && line.get("folder") === own.folder) found.push(`files in ${own.folder}`);
  return found.length === 0
    ? []
    : [
        {
          code: "HOST_UNFIT",
          found: `something else has the names that Odoo gets here: ${found.join("; ")}`,
          expected:
            `none of: containers ${own.containers.join(", ")}; project ${own.project}; folder ${own.folder}; ` +
            `volumes ${own.volumes.join(", ")}`,
          remedy:
            "use another host, or move that away first (another container_name, another folder, other volumes). To " +
            "bring its data here: dump and restore them, docs/backup.md",
        },
      ];
}
