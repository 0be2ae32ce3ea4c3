import js from "@eslint/js";
import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

/**
 * Refuses imports of files whose path, from the file that imports, goes through one of these folders of the repository
 * or of components/.
 */
const without = (reason, ...folders) => ({
  "no-restricted-imports": [
    "error",
    { patterns: [{ regex: `^\\.{1,2}/(.*/)?(${folders.join("|")})/`, message: reason }] },
  ],
});
const notOfProduct = ["sandbox", "test", "bench"];
const productAlone =
  "The product imports nothing of sandbox/, test/ and bench/, and a target nothing of another target.";

export default tseslint.config(
  { ignores: ["node_modules/", ".build/", ".sandbox/", "coverage/"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "@pulumi": pulumi },
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/prefer-nullish-coalescing": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      eqeqeq: "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "AssignmentExpression[left.object.name='process'][left.property.name='env']",
          message: "Node itself reads no object that stands in the place of the environment: set and delete its names.",
        },
      ],
    },
  },
  // Where two of these hold for a file, the later one replaces the earlier.
  {
    files: [
      "index.ts",
      "settings.ts",
      "{components,criteria,gates,init,policy,preview,releases,retention}/**/*.ts",
      "ops/**/*.{ts,mjs}",
    ],
    rules: without(productAlone, ...notOfProduct),
  },
  { files: ["components/vps/**/*.ts"], rules: without(productAlone, ...notOfProduct, "kubernetes") },
  { files: ["components/kubernetes/**/*.ts"], rules: without(productAlone, ...notOfProduct, "vps") },
  { files: ["sandbox/**/*.ts"], rules: without("The sandbox imports nothing of test/ and bench/.", "test", "bench") },
  {
    files: ["**/*.js"],
    languageOptions: { sourceType: "commonjs", globals: { process: "readonly", __dirname: "readonly" } },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
  },
);
