import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { errorCodes } from "../../components/shared/errors";
import { anchorsOf, headingsOf, linksOf, rowsOf, sentencesOf } from "../support/markdown";

const root = path.join(__dirname, "..", "..");
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");

/** Files of the repository, new ones included. */
function files(...patterns: string[]): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns], {
    cwd: root,
    encoding: "utf8",
  });
  return [...new Set(listed.split("\n"))].filter((file) => file !== "" && fs.existsSync(path.join(root, file)));
}

/** What runs on hosts, in clusters, in the image and in Pulumi's program: all that speaks to an operator. */
const product = files(
  "components",
  "criteria",
  "init",
  "ops",
  "preview",
  "releases",
  "retention",
  "worker",
  "images",
  "scripts",
  "index.ts",
  "settings.ts",
  "Pulumi*.yaml",
);

/** Read by somebody in a hurry. */
const taskPages = [
  ...["first-deployment", "rollback", "retention", "when-up-failed", "addons", "passwords", "backup"],
  ...["FINAL_DEPLOYMENT_RUNBOOK", "migration"],
].map((name) => `docs/${name}.md`);

/** Links of a page that lead nowhere: `page:line target`. */
function brokenLinks(page: string, text: string): string[] {
  return linksOf(text)
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .filter(({ target }) => {
      const [file = "", anchor] = target.split("#");
      const place = file === "" ? page : path.join(path.dirname(page), file);
      const there = file === "" || fs.existsSync(path.join(root, place));
      return !there || (anchor !== undefined && !anchorsOf(file === "" ? text : read(place)).has(anchor));
    })
    .map(({ target, line }) => `${page}:${line} ${target}`);
}

/** Sentences of more than 20 words. */
function longSentences(page: string, text: string): string[] {
  return sentencesOf(text)
    .filter((sentence) => sentence.split(" ").filter((word) => /\w/.test(word)).length > 20)
    .map((sentence) => `${page}: ${sentence}`);
}

/** Error codes in a text. */
function codesIn(text: string): string[] {
  return [...text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([word]) => word).filter((word) => word in errorCodes);
}

describe("the documentation", () => {
  const pages = files("*.md");

  it("leads to files and headings that are there", () => {
    assert.deepEqual(
      pages.flatMap((page) => brokenLinks(page, read(page))),
      [],
    );
  });

  it("would be told of a link that leads nowhere", () => {
    const text =
      "# One\n[a](#one) [b](#two) [c](rollback.md#nowhere) [d](absent.md) [e](https://example.com)\n```\n[f](absent.md)\n```\n";
    assert.deepEqual(brokenLinks("docs/page.md", text), [
      "docs/page.md:2 #two",
      "docs/page.md:2 rollback.md#nowhere",
      "docs/page.md:2 absent.md",
    ]);
  });

  it("has an index from which each page is one click away", () => {
    const index = new Set(linksOf(read("docs/README.md")).map(({ target }) => target.split("#")[0] ?? ""));
    const missing = files("docs/*.md", ":(exclude)docs/adr")
      .map((page) => page.slice("docs/".length))
      .filter((page) => page !== "README.md" && !index.has(page));
    assert.deepEqual(missing, []);
    const decisions = new Set(linksOf(read("docs/adr/README.md")).map(({ target }) => target));
    assert.deepEqual(
      files("docs/adr/0*.md").filter((page) => !decisions.has(path.basename(page))),
      [],
    );
  });

  it("answers from the README, too, what is asked in a hurry", () => {
    const linked = linksOf(read("README.md")).map(({ target }) => target);
    assert.deepEqual(
      taskPages.filter((page) => !linked.includes(page)),
      [],
    );
  });

  it("is there where messages and comments of the product name it", () => {
    const broken = product.flatMap((file) =>
      // A text may go on in the next literal of the source.
      [...read(file).matchAll(/\b(docs\/[\w./-]+\.md)(?:[,']? "([^"]+)")?/g)]
        .filter(
          ([, page = "", heading]) =>
            !pages.includes(page) || (heading !== undefined && !headingsOf(read(page)).includes(heading)),
        )
        .map(([words]) => `${file}: ${words}`),
    );
    assert.deepEqual(broken, []);
  });

  it("names commands that the worker has", () => {
    const told = [...read("worker/odoo_ship/__main__.py").matchAll(/^ {2}odoo-ship ([a-z-]+)/gm)].map(
      (match) => match[1],
    );
    const named = pages
      .filter((page) => !page.startsWith("sandbox/") && page !== "CHANGELOG.md")
      .flatMap((page) =>
        [...read(page).matchAll(/odoo-ship ([a-z][a-z-]+)(?=[ `\n])/g)].map((match) => [page, match[1] ?? ""] as const),
      );
    assert.ok(named.length > 10);
    const missing = named.filter(([, command]) => !told.includes(command));
    assert.deepEqual(missing, []);
  });
});

describe("the paths that documents name", () => {
  /** In backquotes, from the root; a name without a folder may be anywhere. */
  const pathsIn = (text: string) =>
    [...text.matchAll(/`([\w.-]+\/[\w./-]*|[\w-]+\.(?:ts|py|md))`/g)].map((match) => match[1] ?? "");
  const ours = /^(bench|components|docs|images|ops|sandbox|scripts|test|worker)\//;
  const all = files(".");
  const absent = (paths: readonly string[]) =>
    paths.filter(
      (name) =>
        !all.some((file) => file === name || file.startsWith(name.replace(/\/?$/, "/")) || file.endsWith(`/${name}`)),
    );

  it("are there, in CONTRIBUTING each of them", () => {
    const paths = pathsIn(read("CONTRIBUTING.md"));
    assert.ok(paths.length > 40);
    assert.deepEqual(absent(paths), []);
  });

  it("are there, elsewhere those of our folders", () => {
    const pages = files("*.md", ":(exclude)CHANGELOG.md", ":(exclude)sandbox");
    const paths = pages.flatMap((page) => pathsIn(read(page)).filter((name) => ours.test(name)));
    assert.ok(paths.length > 20);
    assert.deepEqual(absent(paths), []);
  });

  it("would be told of one that is not there", () => {
    assert.deepEqual(absent(pathsIn("`components/vps/`, `components/nowhere/`, `plan.ts`, `nothing.ts`, `npm test`")), [
      "components/nowhere/",
      "nothing.ts",
    ]);
  });
});

describe("docs/when-up-failed.md", () => {
  const rows = rowsOf(read("docs/when-up-failed.md")).filter(([code = ""]) => /^`[A-Z]+(_[A-Z]+)+`$/.test(code));
  const explained = rows.map(([code = ""]) => code.replaceAll("`", ""));

  it("explains every error code that the product gives", () => {
    const given = new Set(
      product.filter((file) => !file.endsWith("shared/errors.ts")).flatMap((file) => codesIn(read(file))),
    );
    assert.ok(given.size > 40);
    assert.deepEqual(
      [...given].filter((code) => !explained.includes(code)),
      [],
    );
  });

  it("explains none that does not exist, and each once, by name, with what to do", () => {
    assert.deepEqual(
      explained.filter((code) => !(code in errorCodes)),
      [],
    );
    assert.deepEqual(explained, [...new Set(explained)].sort());
    assert.deepEqual(
      rows.filter((cells) => cells.length !== 3 || cells.some((cell) => cell === "")),
      [],
    );
  });
});

describe("the pages for a task", () => {
  it("have no sentence of more than 20 words", () => {
    assert.deepEqual(
      taskPages.flatMap((page) => longSentences(page, read(page))),
      [],
    );
  });

  it("would be told of one", () => {
    const words = (count: number) => Array.from({ length: count }, (_, at) => `w${at}`).join(" ");
    const text = `# ${words(30)}\n${words(20)}. ${words(21)}.\n\n| ${words(15)} | ${words(22)} |\n\n- ${words(19)}\n- ${words(20)} \`a b c\``;
    assert.equal(longSentences("page", text).length, 3);
  });
});

describe("the word for going back", () => {
  const others =
    /\b(revert(s|ed|ing)?|reced(e|es|ed|ing)|serv(e|es|ed) again|(take|takes|taken|taking|took|put|puts|putting|swap|swaps|swapped)((?! roll)( [\w'-]+)){0,6} back)\b/i;

  it("is rollback, in documents and in what the program says", () => {
    const texts = files(
      "*.md",
      "components",
      "ops",
      "settings.ts",
      "index.ts",
      ":(exclude)sandbox",
      ":(exclude)CHANGELOG.md",
    );
    const found = texts.flatMap((file) =>
      read(file)
        .split("\n")
        .flatMap((line, at) => (others.test(line) ? [`${file}:${at + 1} ${line.trim()}`] : [])),
    );
    assert.deepEqual(found, []);
  });

  it("would be told of another one", () => {
    for (const text of [
      "takes the release back",
      "puts the data of a point back",
      "is put back",
      "odoo-ship revert",
      "the host recedes",
      "it serves again",
    ]) {
      assert.match(text, others);
    }
  });
});
