import { type Declared, type Rule, textAt } from "../declared";

const targets = { "odoo:vps:ComposeHost": "a VPS", "odoo:doks:OdooDeployment": "a cluster" } as const;

/** Refuses a production that runs in two places. */
export const twoProductionTargets: Rule = {
  name: "two-production-targets",
  refuses: "A production stack with more than one target.",
  because: "two databases take orders and invoices at once, and nobody can make one set of books of them again",
  remedy: "pulumi config set vps:mode none, or: pulumi config set doks:mode none",
  checkStack: (resources) => {
    const found = resources.flatMap(({ type, name }) =>
      type in targets ? [`${targets[type as keyof typeof targets]} (${name})`] : [],
    );
    return resources.some(isProductions) && found.length > 1 ? [found.join(" and ")] : [];
  },
};

/** Production alone moves the tag `stable` to what it serves. */
function isProductions({ type, props }: Declared): boolean {
  const order = type === "command:local:Command" ? textAt(props, "environment", "RELEASE") : "";
  return order !== "" && (JSON.parse(order) as { moving?: string[] }).moving?.includes("stable") === true;
}
