import * as path from "node:path";
import * as ts from "typescript";
import type { Properties, PropertyType } from "../../plugins/schema";

/** Property names of the SDK with their types in words; "?" in front of the type: may be left out. */
export type Shape = Readonly<Record<string, string>>;

/** The declarations of one npm package `@pulumi/<name>`. */
export class SdkTypes {
  private readonly program: ts.Program;
  private readonly checker: ts.TypeChecker;
  private readonly root: string;

  constructor(name: string) {
    this.root = path.resolve(__dirname, "..", "..", "..", "node_modules", "@pulumi", name);
    this.program = ts.createProgram([path.join(this.root, "index.d.ts")], {
      module: ts.ModuleKind.CommonJS,
      moduleResolution: ts.ModuleResolutionKind.Node10,
      skipLibCheck: true,
      // The shapes are read from the syntax: the standard library's and Node's own types are not needed for that.
      noLib: true,
      types: [],
    });
    this.checker = this.program.getTypeChecker();
  }

  /** Shape of an exported interface or class, without methods and static members. */
  shape(file: string, name: string): Shape {
    const source = this.program.getSourceFile(path.join(this.root, file));
    const found = source?.statements.find(
      (statement): statement is ts.InterfaceDeclaration | ts.ClassDeclaration =>
        (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name?.text === name,
    );
    if (found === undefined) throw new Error(`no ${name} in ${file}`);
    return this.members(found.members);
  }

  private members(members: Iterable<ts.Node>): Shape {
    const shape: Record<string, string> = {};
    for (const member of members) {
      if (!(ts.isPropertySignature(member) || ts.isPropertyDeclaration(member)) || member.type === undefined) continue;
      if (ts.getCombinedModifierFlags(member as ts.Declaration) & ts.ModifierFlags.Static) continue;
      const optional = member.questionToken !== undefined || /\| undefined>?$/.test(member.type.getText());
      shape[member.name.getText()] = (optional ? "?" : "") + this.words(member.type);
    }
    return shape;
  }

  private words(node: ts.TypeNode): string {
    if (ts.isUnionTypeNode(node)) {
      const parts = node.types
        .filter((part) => part.kind !== ts.SyntaxKind.UndefinedKeyword)
        .map((part) => this.words(part));
      // Where any text may stand, an enumeration beside it only suggests some.
      const said = parts.includes("string") ? parts.filter((part) => !part.startsWith("one of ")) : parts;
      return [...new Set(said)].join(" | ");
    }
    if (ts.isArrayTypeNode(node)) return `list of ${this.words(node.elementType)}`;
    if (ts.isTypeLiteralNode(node)) {
      const [index] = node.members;
      if (index !== undefined && ts.isIndexSignatureDeclaration(index)) return `map of ${this.words(index.type)}`;
    }
    if (!ts.isTypeReferenceNode(node)) return node.getText();
    const [argument] = node.typeArguments ?? [];
    if (/^pulumi\.(Input|Output)$/.test(node.typeName.getText()) && argument !== undefined) return this.words(argument);
    if (/^pulumi\.asset\./.test(node.typeName.getText())) return "any";
    return this.reference(node);
  }

  private reference(node: ts.TypeReferenceNode): string {
    const symbol = this.checker.getSymbolAtLocation(node.typeName);
    for (const declaration of symbol?.declarations ?? []) {
      if (ts.isInterfaceDeclaration(declaration)) return inWords(this.members(declaration.members));
      if (ts.isTypeAliasDeclaration(declaration)) {
        const type = this.checker.getTypeAtLocation(declaration);
        const parts = type.isUnion() ? type.types : [type];
        return oneOf(parts.map((part) => (part.isStringLiteral() ? part.value : "?")));
      }
    }
    throw new Error(`cannot resolve ${node.getText()}`);
  }
}

/** A table's properties in the words of {@link SdkTypes}. */
export function shapeOf(properties: Properties): Shape {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { type, required }]) => [
      name,
      (required === true ? "" : "?") + typeWords(type),
    ]),
  );
}

function typeWords(type: PropertyType): string {
  if (type === "integer") return "number";
  if (typeof type === "string") return type;
  if ("oneOf" in type) return oneOf(type.oneOf);
  if ("array" in type) return `list of ${typeWords(type.array)}`;
  if ("map" in type) return `map of ${typeWords(type.map)}`;
  return inWords(shapeOf(type.object));
}

function oneOf(values: readonly string[]): string {
  return `one of ${[...values].sort().join(", ")}`;
}

function inWords(shape: Shape): string {
  return `{ ${Object.keys(shape)
    .sort()
    .map((name) => `${name}: ${shape[name] ?? ""}`)
    .join("; ")} }`;
}
