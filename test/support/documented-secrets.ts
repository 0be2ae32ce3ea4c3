import * as fs from "node:fs";
import * as path from "node:path";

import { secretPlaces } from "./stack-state";

const file = path.join(__dirname, "..", "..", "docs", "secrets-in-the-state.md");

/** Places of a decrypted state that are secret, and of which the documentation does not tell; without what is empty. */
export function undocumented(exported: string): string[] {
  const known = documented();
  const places = secretPlaces(exported)
    .filter(([, text]) => text !== "")
    .map(([place]) => place);
  return [...new Set(places)].filter((place) => !known.some((pattern) => pattern.test(place))).sort();
}

/** What stands in the first column of the table, and in the line of what is secret as a whole. */
function documented(): RegExp[] {
  const lines = fs.readFileSync(file, "utf8").split("\n");
  const told = [
    ...lines.filter((line) => /^\| `/.test(line)).map((line) => line.split("|")[1] ?? ""),
    ...lines.filter((line) => line.startsWith("Secret as a whole")),
  ];
  return told
    .flatMap((text) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""))
    .map((pattern) => new RegExp(`^${pattern.split("*").map(escaped).join(".*")}(\\..*)?$`));
}

function escaped(text: string): string {
  return text.replaceAll(/[.\\+?^${}()|[\]]/g, "\\$&");
}
