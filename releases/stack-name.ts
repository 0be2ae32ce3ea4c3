import { parse } from "yaml";

/** Short name of a stack, whose name may have a company's and a project's before it: `prod` of `company/odoo/prod`. */
export function shortName(stack: string): string {
  return stack.split("/").at(-1) ?? stack;
}

/** Name of a stack's file in the project's folder. */
export function fileOf(stack: string): string {
  return `Pulumi.${shortName(stack)}.yaml`;
}

/** Settings as the text of a stack's file has them; none of a file without any. */
export function configIn(text: string): Readonly<Record<string, unknown>> {
  const { config } = (parse(text) ?? {}) as { config?: Readonly<Record<string, unknown>> };
  return config ?? {};
}
