/** Short name of a stack, whose name may have a company's and a project's before it: `prod` of `company/odoo/prod`. */
export function shortName(stack: string): string {
  return stack.split("/").at(-1) ?? stack;
}

/** Name of a stack's file in the project's folder. */
export function fileOf(stack: string): string {
  return `Pulumi.${shortName(stack)}.yaml`;
}
