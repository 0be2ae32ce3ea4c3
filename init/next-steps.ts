import type { Answers } from "./answers";

/** Tells what to type after the files are written, in order. docs/first-deployment.md has the whole of it. */
export function nextSteps(answers: Answers): string[] {
  const doks = answers.target === "doks";
  return [
    "What to type next:",
    "  git commit -m 'Our stacks' Pulumi.staging.yaml Pulumi.prod.yaml",
    "  pulumi login <where the state shall live>     # then: pulumi stack init staging, pulumi stack init prod",
    ...logins(answers).map((line) => `  ${line}`),
    ...(doks
      ? []
      : [
          "  ssh-keygen -t ed25519 -N '' -f ~/.ssh/odoo-staging",
          '  export VPS_SSH_PRIVATE_KEY="$(cat ~/.ssh/odoo-staging)"',
        ]),
    "  npm run gates:tools                           # and ClamAV: docs/first-deployment.md",
    "  pulumi up --stack staging",
    `  pulumi stack output ${doks ? "doksAddress" : "vpsAddress"} --stack staging`,
    `                                                # the DNS record of ${answers.stagingDomain ?? ""} leads there`,
    "Then production, as docs/FINAL_DEPLOYMENT_RUNBOOK.md has it.",
  ];
}

function logins({ registry, target }: Answers): string[] {
  const own = ["export DIGITALOCEAN_TOKEN=…                   # docs/token-scopes.md"];
  if (registry === "digitalocean") return own;
  const push = registry === "ghcr" ? "GHCR_TOKEN" : "REGISTRY_PASSWORD";
  return [
    ...(target === undefined ? [] : own),
    `export ${push}=…`.padEnd(46) + "# pushes images",
    "export REGISTRY_PULL_PASSWORD=…".padEnd(46) + "# may only read",
  ];
}
