import { type Policies, PolicyPack, Secret } from "@pulumi/policy";

import { type Declared, Hidden, messageOf, type Rule, unknown } from "./declared";
import { rules } from "./rules";

type Judged = Pick<Declared, "type" | "name" | "opts"> & { readonly urn: string; readonly props: object };

/**
 * What `plain-secrets` found, by resource. The SDK tells what is secret to a remediation alone, and opens it for a
 * check. The engine asks for both, in this order, so the first one notes and the second one reports.
 */
const noted = new Map<string, readonly string[]>();

new PolicyPack("odoo-ship", {
  enforcementLevel: "mandatory",
  policies: rules.flatMap((rule) => [...ofResource(rule), ...ofStack(rule)]),
});

function ofResource(rule: Rule): Policies {
  const { name, refuses: description, check } = rule;
  if (check === undefined) {
    return [];
  }
  if (name !== "plain-secrets") {
    const judge = (args: Judged) => check(declared(args));
    return [
      {
        name,
        description,
        validateResource: (args, report) => judge(args).forEach((found) => report(messageOf(rule, found))),
      },
    ];
  }
  return [
    {
      name,
      description,
      enforcementLevel: "remediate",
      remediateResource: (args) => void noted.set(args.urn, check(declared(args))),
      validateResource: ({ urn }, report) => {
        const found = noted.get(urn);
        if (found === undefined) throw new Error(`${urn} was not looked at for secrets`);
        found.forEach((one) => report(messageOf(rule, one)));
      },
    },
  ];
}

function ofStack(rule: Rule): Policies {
  const { name, refuses: description, checkStack } = rule;
  if (checkStack === undefined) {
    return [];
  }
  return [
    {
      name: rule.check === undefined ? name : `${name}-of-stack`,
      description,
      validateStack: ({ resources }, report) =>
        checkStack(resources.map(declared)).forEach((found) => report(messageOf(rule, found))),
    },
  ];
}

function declared({ type, name, props, opts }: Judged): Declared {
  return { type, name, props: copy(props, props) as Declared["props"], opts: { protect: opts.protect === true } };
}

/**
 * Copies inputs so that rules see what is secret and what is not known yet. The SDK hands out an object that opens
 * secrets and throws at what is unknown; its own properties, which it does not guard, tell what is secret.
 */
function copy(value: unknown, watched: unknown): unknown {
  if (value instanceof Secret) {
    return new Hidden(copy((value as { readonly value?: unknown }).value, watched));
  }
  if (Array.isArray(value) || isPlain(value)) {
    const inner = Object.entries(Object.getOwnPropertyDescriptors(value))
      .filter(([, { enumerable }]) => enumerable)
      .map(([key, { value: own }]): [string, unknown] => [key, known(own, watched, key)]);
    return Array.isArray(value) ? inner.map(([, one]) => one) : Object.fromEntries(inner);
  }
  return value;
}

function known(own: unknown, watched: unknown, key: string): unknown {
  try {
    return copy(own, (watched as Record<string, unknown>)[key]);
  } catch {
    return unknown;
  }
}

/** Assets and archives are what they are: a rule does not look into them. */
function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
