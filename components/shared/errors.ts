/** Severity of a failure, as operators are paged for it. */
export type Severity = "medium" | "high" | "critical";

/**
 * Every stable error code. They are a contract with scripts and runbooks: a code is never renamed or reused, while the
 * words of its message may change. The first 26 belong to the build procedure (SOP-BUILD-001); the rest are this
 * product's own. docs/when-up-failed.md has a line for each that an operator can meet.
 */
export const errorCodes = {
  ANTHROPIC_SDK_MISSING: "high",
  BASE_IMAGE_DRIFT: "medium",
  BUILD_FAILURE: "high",
  CONTAINER_START_FAILURE: "critical",
  DATABASE_CONNECTION_ERROR: "critical",
  DISK_SPACE_LOW: "medium",
  ENTRYPOINT_ERROR: "high",
  HEALTH_CHECK_FAIL: "critical",
  IMAGE_SIZE_EXCEEDED: "high",
  IMPORT_ERROR: "high",
  LOW_COVERAGE: "high",
  MALWARE_DETECTED: "critical",
  MANIFEST_ERROR: "high",
  MISSING_ADDONS: "high",
  MODULE_LOAD_ERROR: "critical",
  NETWORK_TIMEOUT: "medium",
  OUTDATED_BASE_IMAGE: "high",
  PIP_DEPENDENCY_CONFLICT: "high",
  PUSH_TIMEOUT: "medium",
  QUOTA_EXCEEDED: "high",
  REGISTRY_AUTH_FAILURE: "critical",
  SECURITY_CRITICAL: "critical",
  SECURITY_HIGH: "high",
  SECURITY_VULN: "high",
  TEST_FAILURE: "critical",
  WKHTMLTOPDF_MISMATCH: "high",

  ADDON_INVALID: "high",
  API_AUTH_FAILURE: "high",
  ATTESTATION_MISSING: "high",
  ATTESTATION_REFUSED: "critical",
  BASE_IMAGE_INVALID: "high",
  CLUSTER_BROKEN: "high",
  CLUSTER_NOT_FOUND: "high",
  CLUSTER_UNFIT: "medium",
  DATABASE_LOST: "critical",
  DATABASE_TOO_SMALL: "medium",
  DATABASE_UNFIT: "critical",
  DEPLOY_FAILED: "critical",
  DEPLOY_TIMEOUT: "high",
  ENTERPRISE_MODULE: "high",
  FILESTORE_UNFIT: "critical",
  GIT_HISTORY_MISSING: "medium",
  GIT_REFUSED: "medium",
  HOST_KEY_MISMATCH: "critical",
  HOST_LOGIN_REFUSED: "high",
  HOST_TOO_SMALL: "medium",
  HOST_UNFIT: "medium",
  HOST_UNREACHABLE: "high",
  IMAGE_NOT_FOUND: "high",
  IMAGE_UNSIGNED: "critical",
  KUBERNETES_VERSION_REFUSED: "high",
  LINT_FAILURE: "medium",
  MODULE_DOWNGRADE: "high",
  NETWORK_FAILURE: "medium",
  OUT_OF_MEMORY: "high",
  PLATFORM_UNSUPPORTED: "high",
  PORT_TAKEN: "medium",
  POSTGRES_MISMATCH: "high",
  PRODUCTION_BUILD_REFUSED: "high",
  PRODUCTION_TARGETS_REFUSED: "high",
  PROMOTION_REFUSED: "high",
  PULL_LIMIT_REACHED: "medium",
  REGISTRY_NOT_FOUND: "high",
  RELEASE_INCOMPLETE: "critical",
  RELEASE_IN_PROGRESS: "medium",
  RELEASE_MISMATCH: "high",
  RELEASE_UNKNOWN: "critical",
  REPOS_INVALID: "medium",
  RETENTION_REFUSED: "medium",
  ROLLBACK_REFUSED: "medium",
  SANDBOX_BUSY: "medium",
  SANDBOX_FAILURE: "medium",
  SBOM_MISSING: "high",
  SCAN_INCOMPLETE: "high",
  SERIES_MISMATCH: "high",
  SETTINGS_INVALID: "medium",
  SIGNATURE_INVALID: "critical",
  SIGNING_FAILURE: "high",
  STATE_DAMAGED: "critical",
  TOKEN_SCOPE_MISSING: "high",
  TOOL_MISSING: "medium",
} as const satisfies Record<string, Severity>;

/** One of the stable codes in {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** Facts that every failure tells its reader. */
export interface Failure {
  readonly code: ErrorCode;
  /** The failure in one sentence. */
  readonly summary: string;
  readonly found: string;
  readonly expected: string;
  /** The next step, so that a tired reader can take it. */
  readonly remedy: string;
}

/** An error that carries a stable code; its message reads as a whole on a terminal. */
export class ShipError extends Error {
  readonly code: ErrorCode;

  constructor(readonly failure: Failure) {
    super(
      `${failure.code}: ${failure.summary}\n` +
        `  found:    ${indent(failure.found)}\n` +
        `  expected: ${indent(failure.expected)}\n` +
        `  remedy:   ${indent(failure.remedy)}`,
    );
    this.name = "ShipError";
    this.code = failure.code;
  }
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n            ");
}
