import { type Layer } from "./layers";
import { printable } from "../components/shared/printable";

/** A vulnerability that somebody has decided to live with for a while. */
export interface Exception {
  /** `CVE-…`, or as the scanner names it. */
  readonly id: string;
  readonly package: string;
  readonly reason: string;
  /** Last day on which it counts, `YYYY-MM-DD` in UTC. */
  readonly expires: string;
}

/** A vulnerability in a package of the image. */
export interface Finding {
  readonly id: string;
  readonly package: string;
  readonly installed: string;
  /** Version that mends it; empty if there is none yet. */
  readonly fixed: string;
  readonly severity: "HIGH" | "CRITICAL";
  readonly title: string;
  /** Whether the base image brought it; otherwise a layer of our own did. */
  readonly inBase: boolean;
}

/** The part of Trivy's JSON that counts here. */
export interface TrivyReport {
  readonly Metadata?: { readonly OS?: { readonly Family?: string; readonly Name?: string; readonly EOSL?: boolean } };
  readonly Results?: readonly {
    readonly Class?: string;
    readonly Vulnerabilities?: readonly TrivyVulnerability[];
  }[];
}

interface TrivyVulnerability {
  readonly VulnerabilityID: string;
  readonly PkgName: string;
  readonly InstalledVersion?: string;
  readonly FixedVersion?: string;
  readonly Severity?: string;
  readonly Title?: string;
  readonly Layer?: { readonly DiffID?: string };
}

/** What is to be said of an image's vulnerabilities of the grades HIGH and CRITICAL. */
export interface Verdict {
  /** What stops a release, the gravest first. */
  readonly stopping: readonly Finding[];
  /** Without a fix, and only reported. */
  readonly unfixed: readonly Finding[];
  readonly excepted: readonly { readonly finding: Finding; readonly exception: Exception }[];
  /** Exceptions that have ended, and that a finding would still need. */
  readonly expired: readonly Exception[];
  /** Exceptions that no finding needs. */
  readonly unused: readonly Exception[];
}

/** Judges findings by the exceptions. */
export function judge(
  findings: readonly Finding[],
  exceptions: readonly Exception[],
  { unfixedStops, today }: { readonly unfixedStops: boolean; /** `YYYY-MM-DD` */ readonly today: string },
): Verdict {
  const about = (one: Exception) => (it: Finding) => one.id === it.id && one.package === it.package;
  const concern = findings.filter(({ fixed }) => unfixedStops || fixed !== "");
  const excepted = concern.flatMap((finding) => {
    const exception = exceptions.find((one) => one.expires >= today && about(one)(finding));
    return exception === undefined ? [] : [{ finding, exception }];
  });
  const stopping = concern.filter((finding) => !excepted.some((one) => one.finding === finding));
  const grade = ({ severity }: Finding) => (severity === "CRITICAL" ? 0 : 1);
  return {
    stopping: stopping.sort((a, b) => grade(a) - grade(b)),
    unfixed: findings.filter((finding) => !concern.includes(finding)),
    excepted,
    expired: exceptions.filter((one) => one.expires < today && stopping.some(about(one))),
    unused: exceptions.filter((one) => !findings.some(about(one))),
  };
}

/** The findings of the two grades in a report, each once. */
export function findingsIn({ Results = [] }: TrivyReport, layers: readonly Layer[]): Finding[] {
  const base = new Set(layers.filter(({ own }) => !own).map(({ diffId }) => diffId));
  const all = Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities).flatMap((one): Finding[] => {
    const severity = one.Severity;
    if (severity !== "HIGH" && severity !== "CRITICAL") return [];
    return [
      {
        id: printable(one.VulnerabilityID),
        package: printable(one.PkgName),
        installed: printable(one.InstalledVersion ?? ""),
        fixed: printable(one.FixedVersion ?? ""),
        severity,
        title: printable(one.Title ?? "").slice(0, 100),
        inBase: base.has(one.Layer?.DiffID ?? ""),
      },
    ];
  });
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

/** The report without what is excepted, for those who read no exceptions. */
export function withoutExcepted(report: TrivyReport, { excepted }: Verdict): TrivyReport {
  const gone = new Set(excepted.map(({ finding }) => `${finding.id} ${finding.package}`));
  const left = ({ VulnerabilityID: id, PkgName: name }: TrivyVulnerability) => !gone.has(`${id} ${name}`);
  const results = report.Results?.map((one) => ({ ...one, Vulnerabilities: (one.Vulnerabilities ?? []).filter(left) }));
  return { ...report, ...(results && { Results: results }) };
}

/** A finding as a line. */
export function lineOf({ id, package: name, installed, fixed, severity, title, inBase }: Finding): string {
  const mended = fixed === "" ? "no fix yet" : `fixed in ${fixed}`;
  return `${severity} ${id} in ${name} ${installed}, ${mended}${inBase ? " (base image)" : ""}: ${title}`;
}
