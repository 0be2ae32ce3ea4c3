import { odooEnvironment } from "../odoo/environment";
import { fingerprintOf } from "../shared/fingerprint";
import type { ComposeProjectArgs } from "./compose-file";

type OdooArgs = Pick<ComposeProjectArgs, "images" | "odoo" | "size">;

/** Names the secrets that every container of Odoo has, beside the password of its role. */
export function odooSecrets({ odoo }: OdooArgs): string[] {
  return ["odoo-master-password", ...(odoo.secretOptions === undefined ? [] : ["odoo-options"])];
}

/** A file's content is no part of a container: other options are another label, so another container. */
export function optionsLabel({ odoo }: OdooArgs): string {
  return odoo.secretOptions === undefined
    ? ""
    : `    labels:\n      odoo-ship.secret-options: "${fingerprintOf(odoo.secretOptions.reveal())}"\n`;
}

/**
 * Renders the variables of a container of Odoo.
 * @param role in PostgreSQL: of the Odoo that serves, or of a release's own container
 */
export function odooVariables(
  { images, odoo, size }: OdooArgs,
  role: "odoo" | "odoo_tasks",
  processes: { readonly workers: number; readonly cronThreads: number },
): string {
  const variables = odooEnvironment({
    digest: images.odoo.slice(images.odoo.indexOf("@") + 1),
    odoo,
    connection: { DB_HOST: "db" },
    user: role,
    files: {
      role: `/run/secrets/${role === "odoo" ? "odoo-db-password" : "odoo-tasks-password"}`,
      master: "/run/secrets/odoo-master-password",
      options: "/run/secrets/odoo-options",
    },
    processes: { ...size.odoo, ...processes },
  });
  // Compose takes a dollar for a variable of its own.
  return Object.entries(variables)
    .map(([name, value]) => `      ${name}: ${JSON.stringify(String(value).replaceAll("$", "$$$$"))}`)
    .join("\n");
}
