import type { Settings } from "../../settings";
import type { BaseImage } from "./base-image";

/** Settings that a build takes as they are. */
export type BuildSettings = Pick<
  Settings["image"],
  "pythonPackages" | "systemPackages" | "locales" | "postgresqlClient" | "wkhtmltopdf" | "epoch" | "source"
>;

/** Renders them, and what is recorded of the base, as build arguments. */
export function argumentsOfSettings(image: BuildSettings, base: BaseImage): Record<string, string> {
  return {
    BASE_NAME: `${base.reference}:${base.tag}`,
    SERIES: base.series,
    ODOO_UID: String(base.uid),
    ODOO_GID: String(base.gid),
    PYTHON_PACKAGES: image.pythonPackages.join(" "),
    SYSTEM_PACKAGES: image.systemPackages.join(" "),
    LOCALES: image.locales.join(" "),
    POSTGRESQL_CLIENT: String(image.postgresqlClient),
    WKHTMLTOPDF_VERSION: image.wkhtmltopdf,
    EPOCH: image.epoch,
    SOURCE: image.source,
  };
}
