import * as fs from "node:fs";
import * as path from "node:path";

import { type Files, manifest } from "../fixtures/addons/module";

const modelsEach = 3;

/**
 * Writes as many modules as a large team has into a folder of addons, each of the size of a usual one: twelve files, of
 * which Odoo reads nine. No two have a file alike.
 */
export function writeManyModules(folder: string, count: number): void {
  for (let number = 0; number < count; number += 1) {
    for (const [file, content] of Object.entries(module(number))) {
      const target = path.join(folder, `team_${number}`, file);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, content);
    }
  }
}

function module(number: number): Files {
  const names = Array.from({ length: modelsEach }, (_, index) => `part_${index}`);
  const views = names.map((name) => `views/${name}.xml`);
  const depends = number < 2 ? ["base"] : ["base", `team_${number >> 1}`];
  return {
    "__init__.py": "from . import models\n",
    "__manifest__.py": manifest({
      depends: JSON.stringify(depends),
      data: JSON.stringify(["security/ir.model.access.csv", ...views]),
    }),
    "README.rst": `Module ${number}\n`,
    "i18n/de.po": `msgid "Module ${number}"\nmsgstr "Modul ${number}"\n`,
    "models/__init__.py": names.map((name) => `from . import ${name}\n`).join(""),
    "security/ir.model.access.csv": `id,name\n${names.map((name) => `access_${number}_${name},${name}\n`).join("")}`,
    ...Object.fromEntries(names.map((name) => [`models/${name}.py`, model(number, name)])),
    ...Object.fromEntries(views.map((file, index) => [file, view(number, names[index] ?? "")])),
  };
}

function model(number: number, name: string): string {
  const fields = Array.from({ length: 20 }, (_, index) => `    field_${index} = fields.Char(string="Field ${index}")`);
  const methods = Array.from(
    { length: 10 },
    (_, index) => `
    @api.depends("field_${index}")
    def _compute_${index}(self):
        for record in self:
            found = record.search([("field_${index}", "=", record.field_${index}), ("id", "!=", record.id)], limit=1)
            record.field_${index + 1} = found.field_${index} or "none of ${number}"
`,
  );
  return `from odoo import api, fields, models


class Model(models.Model):
    _name = "team_${number}.${name}"
    _description = "Part of module ${number}"

${fields.join("\n")}
${methods.join("")}`;
}

function view(number: number, name: string): string {
  const fields = Array.from({ length: 20 }, (_, index) => `          <field name="field_${index}"/>`);
  return `<?xml version="1.0" encoding="utf-8"?>
<odoo>
  <record id="${name}_form" model="ir.ui.view">
    <field name="name">team_${number}.${name}.form</field>
    <field name="model">team_${number}.${name}</field>
    <field name="arch" type="xml">
      <form>
        <group>
${fields.join("\n")}
        </group>
      </form>
    </field>
  </record>
</odoo>
`;
}
