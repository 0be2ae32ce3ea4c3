/**
 * The two modules that the trials install and upgrade, in good and bad states. A *level* n is the n-th release of `trial_ledger`
 * (version 1.n.0): it adds the column `grade_n`, and its migration rewrites `memo` in every row, so that data which was not put back shows.
 */

/** What is wrong, or special, with a release. */
export type Variant =
  | { readonly kind: "good" }
  /** A new nullable column and nothing else: what an old release can live with. */
  | { readonly kind: "additive" }
  | { readonly kind: "import-error" }
  /** trial_ledger upgrades and is committed by Odoo; then the migration of trial_notes raises. */
  | { readonly kind: "second-fails" }
  /** The migration writes, commits by itself (as bad ones do), and raises: no rollback of PostgreSQL hides what it did. */
  | { readonly kind: "migration-raises-at-end" }
  /** The migration takes all the memory that it is given. */
  | { readonly kind: "greedy" }
  | { readonly kind: "version-down" }
  | { readonly kind: "module-missing" }
  /** Upgrades well; the login page then answers 500, or never. */
  | { readonly kind: "never-healthy"; readonly how: "fails" | "hangs" }
  /** The migration takes its time: a window to interrupt. */
  | { readonly kind: "slow"; readonly seconds: number };

/** Content by path below the addons directory. */
export type AddonFiles = Readonly<Record<string, string>>;

export const ledger = "trial_ledger";
export const notes = "trial_notes";
/** Name of the sequence that numbers the lines. */
export const ledgerSequence = "trial.ledger.line";
/** In the log of a release that fails on purpose, so that a test can ask for it in the error's log tail. */
export const plantedReason = "planted by the trial";

export function trialAddons(variant: Variant, level: number): AddonFiles {
  const withNotes = variant.kind === "module-missing" ? {} : below(notes, notesModule(variant, level));
  return { ...below(ledger, ledgerModule(variant, level)), ...withNotes };
}

/** Version of a module in its manifest, as the release's description lists it. */
export function versionOf(files: AddonFiles, module: string): string {
  return /"version": "([^"]+)"/.exec(files[`${module}/__manifest__.py`] ?? "")?.[1] ?? "";
}

function ledgerModule(variant: Variant, level: number): AddonFiles {
  const grades = Array.from({ length: level }, (_, index) => `grade_${index + 1}`);
  // No view shows it, and no migration fills it.
  const extra = variant.kind === "additive" ? [`extra_${level} = fields.Char()`] : [];
  const migration = ledgerMigration(variant, level);
  const imports =
    variant.kind === "import-error" ? [`import trial_library_that_is_nowhere  # ${plantedReason}`, ""] : [];
  const controllers: AddonFiles =
    variant.kind === "never-healthy" ? { "controllers.py": loginController(variant.how) } : {};
  return {
    "__init__.py": `from . import models\n${variant.kind === "never-healthy" ? "from . import controllers\n" : ""}`,
    "__manifest__.py": manifest({
      name: "Trial ledger",
      version: variant.kind === "version-down" ? "0.9.0" : `1.${level}.0`,
      depends: ["web"],
      data: ["security/ir.model.access.csv", "data/sequence.xml", "views/line.xml"],
    }),
    "models.py": lines(
      ...imports,
      "from odoo import api, fields, models",
      "",
      "",
      "class TrialLedgerLine(models.Model):",
      '    _name = "trial.ledger.line"',
      '    _description = "Trial ledger line"',
      "",
      "    name = fields.Char(required=True, index=True)",
      "    amount = fields.Float()",
      '    number = fields.Char(readonly=True, copy=False, default="/")',
      "    memo = fields.Char()",
      ...grades.map((grade) => `    ${grade} = fields.Integer()`),
      ...extra.map((line) => `    ${line}`),
      "",
      "    @api.model_create_multi",
      "    def create(self, vals_list):",
      "        for vals in vals_list:",
      `            vals["number"] = self.env["ir.sequence"].sudo().next_by_code("${ledgerSequence}")`,
      "        return super().create(vals_list)",
    ),
    ...controllers,
    ...(migration === undefined ? {} : { [`migrations/1.${level}.0/post-rewrite.py`]: migration }),
    "data/sequence.xml": xml(
      '<data noupdate="1">',
      '  <record id="sequence" model="ir.sequence">',
      '    <field name="name">Trial ledger</field>',
      `    <field name="code">${ledgerSequence}</field>`,
      '    <field name="prefix">TL/</field>',
      '    <field name="padding">6</field>',
      "  </record>",
      "</data>",
    ),
    "security/ir.model.access.csv": accessRules("trial_ledger_line"),
    "views/line.xml": xml(...formView("trial.ledger.line", ["name", "amount", "number", "memo", ...grades])),
  };
}

function ledgerMigration(variant: Variant, level: number): string | undefined {
  if (level === 0 || variant.kind === "additive" || variant.kind === "version-down") return undefined;
  const rewrite = [
    "def migrate(cr, version):",
    `    cr.execute("UPDATE trial_ledger_line SET grade_${level} = round(amount)::int % 7, memo = 'level ${level}: ' || number")`,
  ];
  if (variant.kind === "slow") return lines("import time", "", "", ...rewrite, `    time.sleep(${variant.seconds})`);
  if (variant.kind === "greedy") {
    return lines(...rewrite, "    taken = []", "    while True:", '        taken.append(b"1" * 2**24)');
  }
  if (variant.kind !== "migration-raises-at-end") return lines(...rewrite);
  return lines(
    ...rewrite,
    '    cr.execute("DELETE FROM res_partner_category")',
    "    cr.commit()",
    `    raise ValueError("${plantedReason}: a migration that raises at its end")`,
  );
}

function notesModule(variant: Variant, level: number): AddonFiles {
  const fails = variant.kind === "second-fails";
  return {
    "__init__.py": "from . import models\n",
    "__manifest__.py": manifest({
      name: "Trial notes",
      version: fails ? `1.${level}.0` : "1.0.0",
      depends: [ledger],
      data: ["security/ir.model.access.csv", "views/note.xml"],
    }),
    "models.py": lines(
      "from odoo import fields, models",
      "",
      "",
      "class TrialNote(models.Model):",
      '    _name = "trial.note"',
      '    _description = "Trial note"',
      "",
      "    name = fields.Char(required=True)",
      '    line_id = fields.Many2one("trial.ledger.line", ondelete="cascade")',
    ),
    ...(fails
      ? {
          [`migrations/1.${level}.0/pre-fail.py`]: lines(
            "def migrate(cr, version):",
            "    cr.execute(\"UPDATE trial_note SET name = 'half done'\")",
            `    raise ValueError("${plantedReason}: the second module fails")`,
          ),
        }
      : {}),
    "security/ir.model.access.csv": accessRules("trial_note"),
    "views/note.xml": xml(...formView("trial.note", ["name", "line_id"])),
  };
}

function loginController(how: "fails" | "hangs"): string {
  return lines(
    ...(how === "hangs" ? ["import time", ""] : []),
    "from odoo import http",
    "from odoo.addons.web.controllers.home import Home",
    "",
    "",
    "class TrialHome(Home):",
    "    @http.route()",
    "    def web_login(self, *args, **kwargs):",
    how === "hangs"
      ? "        time.sleep(3600)"
      : `        raise RuntimeError("${plantedReason}: a login page that fails")`,
  );
}

function manifest(keys: {
  name: string;
  version: string;
  depends: readonly string[];
  data: readonly string[];
}): string {
  return `${JSON.stringify({ ...keys, author: "Trials", license: "LGPL-3" }, undefined, 4)}\n`;
}

function accessRules(table: string): string {
  return lines(
    "id,name,model_id:id,group_id:id,perm_read,perm_write,perm_create,perm_unlink",
    `access_${table},${table},model_${table},base.group_user,1,1,1,1`,
  );
}

function formView(model: string, fields: readonly string[]): string[] {
  const id = model.replaceAll(".", "_");
  return [
    `<record id="${id}_form" model="ir.ui.view">`,
    `  <field name="name">${model}.form</field>`,
    `  <field name="model">${model}</field>`,
    '  <field name="arch" type="xml">',
    "    <form><sheet><group>",
    ...fields.map((field) => `      <field name="${field}"/>`),
    "    </group></sheet></form>",
    "  </field>",
    "</record>",
  ];
}

function xml(...content: string[]): string {
  return lines('<?xml version="1.0" encoding="utf-8"?>', "<odoo>", ...content.map((line) => `  ${line}`), "</odoo>");
}

function lines(...content: string[]): string {
  return `${content.join("\n")}\n`;
}

function below(module: string, files: AddonFiles): AddonFiles {
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [`${module}/${file}`, text]));
}
