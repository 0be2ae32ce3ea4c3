import { parse } from "yaml";
import { z } from "zod";

import { usualHosts } from "../components/registry/login";
import type { Key } from "../components/settings/key";
import { settingsKeys } from "../components/settings/table";
import { ShipError } from "../components/shared/errors";
import { printable } from "../components/shared/printable";

/** All answers, in the order in which they are asked for. */
export const answerNames = [
  "registry",
  "registryHost",
  "repository",
  "registryUser",
  "pullUser",
  "target",
  "domain",
  "stagingDomain",
  "email",
  "region",
  "size",
  "stagingSize",
  "kubernetesVersion",
  "from",
] as const;
export type AnswerName = (typeof answerNames)[number];

/** Answers of a new team, as text; a list has commas. An answer that does not count for it is left out. */
export type Answers = Readonly<Partial<Record<AnswerName, string>>>;

/** A question, and the setting whose validation its answer has to pass. */
export interface Question {
  /** Words on the terminal. */
  readonly ask: string;
  /** Setting that takes the answer, in the stack's file. */
  readonly key: (answers: Answers) => string;
  /** Stack whose value of that setting is what Enter stands for. */
  readonly stack: Stack;
  /** Whether it is asked, by the answers before it; always if absent. */
  readonly applies?: (answers: Answers) => boolean;
  /** Whether the empty answer is one. */
  readonly optional?: boolean;
  /** Answer of who gives none, before what the file has. */
  readonly usual?: (answers: Answers) => string | undefined;
}

export const stacks = ["staging", "prod"] as const;
export type Stack = (typeof stacks)[number];

const targets = ["vps", "doks"] as const;
const target = ({ target }: Answers) => (target === "doks" ? "doks" : "vps");
const size = (answers: Answers) => (target(answers) === "doks" ? "doks:nodeSize" : "vps:size");
const digitalocean = ({ registry }: Answers) => registry === "digitalocean";

const questions: Readonly<Record<AnswerName, Question>> = {
  registry: {
    ask: "Whose registry holds the images: digitalocean, ghcr or generic",
    key: () => "registry:kind",
    stack: "staging",
  },
  registryHost: {
    ask: "Its host, such as registry.example.com",
    key: () => "registry:host",
    stack: "staging",
    applies: ({ registry }) => registry === "generic",
    usual: ({ registry }) => usualHosts[registry as keyof typeof usualHosts] || undefined,
  },
  repository: {
    ask: "Repository of the image, namespace/name; with digitalocean the namespace is the registry's name",
    key: () => "registry:repository",
    stack: "staging",
  },
  registryUser: {
    ask: "User that pushes images",
    key: () => "registry:username",
    stack: "staging",
    applies: (answers) => !digitalocean(answers),
  },
  pullUser: {
    ask: "User that hosts pull with, whose login may only read",
    key: () => "registry:pullUsername",
    stack: "prod",
    applies: (answers) => !digitalocean(answers),
  },
  target: {
    ask: "Where Odoo runs: vps (one Droplet) or doks (a Kubernetes cluster)",
    key: () => "target",
    stack: "prod",
  },
  domain: {
    ask: "What users type in production, such as erp.example.com",
    key: (answers) => `${target(answers)}:domain`,
    stack: "prod",
  },
  stagingDomain: {
    ask: "What you type in staging, such as staging.erp.example.com",
    key: (answers) => `${target(answers)}:domain`,
    stack: "staging",
  },
  email: {
    ask: "E-mail address that the certificate authority may write to; empty for none",
    key: (answers) => `${target(answers)}:acmeEmail`,
    stack: "prod",
    optional: true,
  },
  region: { ask: "Region", key: (answers) => `${target(answers)}:region`, stack: "prod" },
  size: { ask: "Size of the machines in production", key: size, stack: "prod" },
  stagingSize: { ask: "Size of the machines in staging", key: size, stack: "staging" },
  kubernetesVersion: {
    ask: "Kubernetes; `doctl kubernetes options versions` lists what is on offer",
    key: () => "doks:version",
    stack: "prod",
    applies: (answers) => target(answers) === "doks",
  },
  from: {
    ask: "Addresses that may reach SSH or the cluster's API, as ranges with commas, such as 198.51.100.7/32",
    key: (answers) => (target(answers) === "doks" ? "doks:apiFrom" : "vps:sshFrom"),
    stack: "prod",
  },
};

/** The row of an answer. */
export function questionOf(name: AnswerName): Question {
  return questions[name];
}

/** Values of the committed stack files that are somebody else's, so that Enter never stands for one. */
const examples = new Set([
  "insightpulse/odoo",
  "erp.insightpulseai.net",
  "staging.erp.insightpulseai.net",
  "staging-k8s.erp.insightpulseai.net",
  "203.0.113.0/24",
]);

/**
 * Tells what an answer is if nobody gives one: the usual, else what the stack's file has and is not an example.
 * @param config settings of the stack that the question names, lists with commas
 */
export function usualAnswer(name: AnswerName, answers: Answers, config: Readonly<Record<string, string>>): string {
  const question = questionOf(name);
  if (name === "target") {
    return config["vps:mode"] === "none" && config["doks:mode"] !== "none" ? "doks" : "vps";
  }
  const has = config[question.key(answers)] ?? "";
  return question.usual?.(answers) ?? (examples.has(has) ? "" : has);
}

/** Splits an answer that is a list. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/**
 * Says what is wrong with one answer, by the validation of its setting.
 * @returns undefined for a right one
 */
export function problemOf(name: AnswerName, answers: Answers): string | undefined {
  const question = questionOf(name);
  const text = answers[name] ?? "";
  // Some settings take any text, and none of them means one that moves a terminal's cursor.
  if (/\p{C}/u.test(text)) {
    return `${name}: ${shown(printable(text))}: has characters that cannot be seen`;
  }
  if (name === "target") {
    return targets.includes(text as (typeof targets)[number])
      ? undefined
      : `target: ${shown(text)}; allowed: vps or doks`;
  }
  const setting = question.key(answers);
  const { schema, allowed } = (settingsKeys as Readonly<Record<string, Key>>)[setting] as Key;
  if (text === "") {
    return question.optional === true ? undefined : `${name}: is missing; allowed: ${allowed}`;
  }
  const result = schema.safeParse(name === "from" ? listOf(text) : text);
  const reasons = result.error?.issues.map(({ message }) => message).join("; ");
  return reasons === undefined ? undefined : `${name}: ${shown(text)}: ${reasons}; allowed: ${allowed}`;
}

const file = z.strictObject(
  Object.fromEntries(
    answerNames.map((name) => [name, z.union([z.string(), z.array(z.string())]).optional()]),
  ) as Record<AnswerName, z.ZodOptional<z.ZodUnion<[z.ZodString, z.ZodArray<z.ZodString>]>>>,
);

/**
 * Reads answers from a file's text.
 * @param name of the file, for messages
 * @throws ShipError SETTINGS_INVALID with every name that is unknown and every value that is no text
 */
export function answersIn(text: string, name: string): Answers {
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw badAnswers(name, [error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)]);
  }
  const result = file.safeParse(content ?? {});
  if (!result.success) {
    throw badAnswers(
      name,
      result.error.issues.map((issue) =>
        [issue.path.join("."), issue.message].filter((part) => part !== "").join(": "),
      ),
    );
  }
  return Object.fromEntries(
    Object.entries(result.data).map(([key, value]) => [key, Array.isArray(value) ? value.join(", ") : value]),
  );
}

/** Error about answers, with all that is wrong with them. */
export function badAnswers(where: string, problems: readonly string[]): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: `${problems.length === 1 ? "an answer is" : `${problems.length} answers are`} wrong; nothing was written`,
    found: problems.map(printable).join("\n"),
    expected: `answers as docs/first-deployment.md lists them: ${answerNames.join(", ")}`,
    remedy: `correct ${where}, and run the same command again`,
  });
}

function shown(text: string): string {
  return JSON.stringify(text);
}
