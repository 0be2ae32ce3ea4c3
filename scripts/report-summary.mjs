// Adds the report of the gates to the summary of a GitHub Actions step, or prints it where there is none.
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";

const report = path.join(import.meta.dirname, "..", ".build", "report", "report.md");
const text = fs.existsSync(report)
  ? fs.readFileSync(report, "utf8")
  : "There is no report of the gates: the update did not reach them, or had nothing new to judge.\n";
const summary = process.env.GITHUB_STEP_SUMMARY ?? "";
if (summary === "") process.stdout.write(text);
else fs.appendFileSync(summary, text);
