import type { ErrorCode, Severity } from "../components/shared/errors";
import type { CodeNote } from "./gate";

/** Working time within which a failure should be mended, by its severity. */
export const resolutionTimes: Readonly<Record<Severity, string>> = {
  critical: "4 hours",
  high: "1 day",
  medium: "1 week",
};

/** What else than a gate raises a code. */
export interface Elsewhere extends CodeNote {
  /** `nothing`: no part of the product can tell it, and `when` says why. */
  readonly by: "the plan" | "the build" | "the registry" | "a deployment" | "nothing";
}

/** Stands for what raises a code where gates alone do: their notes are in their files. */
const gatesAlone = "gates";

/** The 26 codes of the build procedure, with what raises each beside the gates. */
export const procedure = {
  ANTHROPIC_SDK_MISSING: {
    by: "the build",
    when: "image:pythonPackages names anthropic, and Python in the image cannot import it",
    remedy: "pin a version of it that has a wheel for this Python, build again",
  },
  BASE_IMAGE_DRIFT: {
    by: "the plan",
    when: "a warning: the tag of the base image names another digest than the record",
    remedy: "raise images/odoo/base-image.json and look at the preview; nothing is wrong until then",
  },
  BUILD_FAILURE: {
    by: "the build",
    when: "a stage of images/odoo/Dockerfile does not build; its log stands above the message",
    remedy: "mend the step that the log names; behind a proxy that intercepts TLS set image:caFile",
  },
  CONTAINER_START_FAILURE: {
    by: "a deployment",
    when: "a container of the new release did not start, or ended; the previous release serves",
    remedy: "read the end of the log, mend it, release again",
  },
  DATABASE_CONNECTION_ERROR: {
    by: "a deployment",
    when: "PostgreSQL stopped, or did not answer",
    remedy: "look at its log (docs/when-up-failed.md), then run the update again",
  },
  DISK_SPACE_LOW: {
    by: "a deployment",
    when: "too little room on the host for the image, or for the copy of database or attachments",
    remedy: "odoo-ship prune, or a larger disk",
  },
  ENTRYPOINT_ERROR: {
    by: "the build",
    when: "the entrypoint does not start Odoo, or a variable that it needs is missing or wrong",
    remedy: "the line names the variable: docs/image.md; else undo the change of images/odoo/",
  },
  HEALTH_CHECK_FAIL: {
    by: "a deployment",
    when: "/web/health did not answer 200 in time, or the smoke test failed; the previous release serves",
    remedy: "read the end of the log, mend it, release again",
  },
  IMAGE_SIZE_EXCEEDED: gatesAlone,
  IMPORT_ERROR: {
    by: "a deployment",
    when: "a module does not load, since Python cannot import something",
    remedy: "the end of the log names it; mend it, release again",
  },
  LOW_COVERAGE: gatesAlone,
  MALWARE_DETECTED: gatesAlone,
  MANIFEST_ERROR: {
    by: "the registry",
    when: "the registry refuses the image's manifest",
    remedy: "look whether the registry supports its format",
  },
  MISSING_ADDONS: {
    by: "a deployment",
    when: "the image lacks a module that the database has installed, or that another one needs",
    remedy: "return it to its folder, or uninstall it in Odoo first",
  },
  MODULE_LOAD_ERROR: {
    by: "a deployment",
    when: "a module does not install, upgrade or load; the previous release serves",
    remedy: "the end of the log names the module; mend it, release again",
  },
  NETWORK_TIMEOUT: {
    by: "the plan",
    when: "an API or a registry did not answer in time",
    remedy: "look at the network and at its status page, then run the update again",
  },
  OUTDATED_BASE_IMAGE: gatesAlone,
  PIP_DEPENDENCY_CONFLICT: {
    by: "the build",
    when: "pip cannot resolve the requirements, or pip check finds two that do not agree",
    remedy: "pin versions that agree in addons/requirements.txt",
  },
  PUSH_TIMEOUT: {
    by: "nothing",
    when:
      "a push takes more than 10 minutes. Pulumi's Docker plugin pushes as a part of the build and takes no limit: " +
      "nothing here can tell. A job in CI ends at its own, timeout-minutes",
    remedy: "look at the network and at the registry's status page, then run the update again",
  },
  QUOTA_EXCEEDED: {
    by: "the registry",
    when: "the registry is full",
    remedy: "npm run retention removes images that no stack runs or could go back to; or raise registry:tier",
  },
  REGISTRY_AUTH_FAILURE: {
    by: "the plan",
    when: "the registry, or DigitalOcean, refuses the login",
    remedy: "a valid DIGITALOCEAN_TOKEN, GHCR_TOKEN or registry:password",
  },
  SECURITY_CRITICAL: gatesAlone,
  SECURITY_HIGH: gatesAlone,
  SECURITY_VULN: gatesAlone,
  TEST_FAILURE: gatesAlone,
  WKHTMLTOPDF_MISMATCH: {
    by: "the build",
    when: "the base image has another wkhtmltopdf than image:wkhtmltopdf",
    remedy: "look at a PDF that was made with the new one, then set it",
  },
} as const satisfies Partial<Record<ErrorCode, Elsewhere | typeof gatesAlone>>;

export type ProcedureCode = keyof typeof procedure;
