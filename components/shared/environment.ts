/** Takes empty variables out of the environment: so GitHub passes a secret that nobody has set. */
export function forgetEmptyVariables(environment: NodeJS.ProcessEnv = process.env): void {
  for (const [name, value] of Object.entries(environment)) if (value === "") Reflect.deleteProperty(environment, name);
}
