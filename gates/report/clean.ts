import * as os from "node:os";

/** Variables that hold a token or a password, whoever set them. */
const secretVariable = /TOKEN|PASSWORD|PASSPHRASE|SECRET|_KEY$/;

/** Shorter ones would be met by chance in texts that hold no secret. */
const shortest = 8;

/**
 * Makes a function that takes secrets and this machine's own paths out of a text, before it is kept or shown to people
 * who do not run the update.
 * @param root folder of the project
 */
export function cleaner(
  root: string,
  secrets: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): (text: string) => string {
  const variables = Object.entries(environment).flatMap(([name, value = ""]) =>
    secretVariable.test(name) ? [value] : [],
  );
  const hidden = [...secrets, ...variables]
    // A program may have shown one line of a key.
    .flatMap((secret) => [secret, ...secret.split(/\r?\n/)])
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= shortest)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    const shown = [...new Set(hidden)].reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
    return withoutPaths(shown.replaceAll(/(:\/\/)[^\s/@]+@/g, "$1[secret]@"), root);
  };
}

function withoutPaths(text: string, root: string): string {
  const folders = [
    [root, "."],
    [os.tmpdir(), "<tmp>"],
    [os.homedir(), "~"],
  ] as const;
  return folders
    .filter(([folder]) => folder.length > 1)
    .reduce((rest, [folder, name]) => rest.replaceAll(wholePath(folder), name), text);
}

/** The folder where it begins a path, and not within the name of another one. */
function wholePath(folder: string): RegExp {
  return new RegExp(`(?<![\\w.-])${folder.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?![\\w-]|\\.\\w)`, "g");
}

/** The same for each text in a value. */
export function cleaned<T>(value: T, clean: (text: string) => string): T {
  if (typeof value === "string") return clean(value) as T;
  if (Array.isArray(value)) return value.map((one: unknown) => cleaned(one, clean)) as T;
  return typeof value === "object" && value !== null
    ? (Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cleaned<unknown>(one, clean)])) as T)
    : value;
}
