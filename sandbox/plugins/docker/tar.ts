import * as fs from "node:fs";
import { Readable } from "node:stream";
import type { ContextEntry } from "./context";

const block = 512;

/** The entries as a tar stream (POSIX pax), owned by root, with the files' own modes and times. */
export function tarStream(
  entries: readonly ContextEntry[],
  extra?: { readonly name: string; readonly file: string },
): Readable {
  return Readable.from(parts(entries, extra));
}

async function* parts(
  entries: readonly ContextEntry[],
  extra?: { name: string; file: string },
): AsyncGenerator<Buffer> {
  const added = extra === undefined ? [] : [{ ...extra, stats: await fs.promises.stat(extra.file) }];
  for (const { name, file, stats } of [...entries, ...added]) {
    if (stats.isSymbolicLink()) {
      yield header({
        name,
        type: "2",
        mode: 0o777,
        size: 0,
        seconds: stats.mtimeMs / 1000,
        link: await fs.promises.readlink(file),
      });
    } else if (stats.isDirectory()) {
      yield header({ name: `${name}/`, type: "5", mode: stats.mode & 0o7777, size: 0, seconds: stats.mtimeMs / 1000 });
    } else if (stats.isFile()) {
      const content = await fs.promises.readFile(file);
      yield header({ name, type: "0", mode: stats.mode & 0o7777, size: content.length, seconds: stats.mtimeMs / 1000 });
      yield content;
      yield Buffer.alloc((block - (content.length % block)) % block);
    }
  }
  yield Buffer.alloc(2 * block);
}

interface Header {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly link?: string;
}

function header(entry: Header): Buffer {
  const long = [
    ...(fits(entry.name) ? [] : [record("path", entry.name)]),
    ...(entry.link === undefined || fits(entry.link) ? [] : [record("linkpath", entry.link)]),
  ].join("");
  if (long === "") return plainHeader(entry);
  const body = Buffer.from(long);
  const padding = Buffer.alloc((block - (body.length % block)) % block);
  return Buffer.concat([
    plainHeader({ name: "pax", type: "x", mode: 0o644, size: body.length, seconds: entry.seconds }),
    body,
    padding,
    plainHeader(entry),
  ]);
}

// The old fields hold 100 bytes and say nothing about an encoding.
function fits(name: string): boolean {
  return Buffer.byteLength(name) <= 100 && /^[\x20-\x7e]*$/.test(name);
}

// "<length of the whole record> key=value\n", where the length counts its own digits.
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function plainHeader({ name, type, mode, size, seconds, link = "" }: Header): Buffer {
  const buffer = Buffer.alloc(block);
  const octal = (value: number, digits: number): string => Math.floor(value).toString(8).padStart(digits, "0");
  buffer.write(name, 0, 100);
  buffer.write(octal(mode, 7), 100);
  buffer.write(octal(0, 7), 108);
  buffer.write(octal(0, 7), 116);
  buffer.write(octal(size, 11), 124);
  buffer.write(octal(seconds, 11), 136);
  buffer.write(" ".repeat(8), 148);
  buffer.write(type, 156);
  buffer.write(link, 157, 100);
  buffer.write("ustar\0" + "00", 257, "latin1");
  const sum = buffer.reduce((total, byte) => total + byte, 0);
  buffer.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return buffer;
}
