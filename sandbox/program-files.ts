/** What the program is made of and reads, beside a team's addons: whoever runs it elsewhere brings these. */
export const programFiles = [
  "load-program.js",
  "index.ts",
  "settings.ts",
  "components",
  "gates",
  "ops",
  "policy",
  "preview",
  "releases",
  "images",
  "worker",
  "Pulumi.yaml",
  "package.json",
  "tsconfig.json",
] as const;
