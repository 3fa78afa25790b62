import { gunzipSync } from "node:zlib";
import { AppError } from "../../error.ts";

/** Limits of a session to import. A folder of Baileys has about 1 KB for each file. */
export const maxFiles = 20_000;
export const maxBytes = 32 * 1024 * 1024;

const blockBytes = 512;
const fileTypes = ["0", "\0"];
/** Extended headers (pax), and the long name of the next file (GNU). */
const paxHeader = "x";
const longName = "L";
/** Entries without content for us: folders, and extended headers for all files. */
const ignoredTypes = ["5", "g"];

export const unusable = (details: string) => new AppError("session_not_usable", details);

/**
 * Returns the JSON files of a tar archive, which may be compressed with gzip, as texts by their names without folders.
 * Nothing is written to the disk. Throws `session_not_usable` for an archive that is damaged or too large, or that
 * contains links, devices, paths that lead out of the archive, or two files with the same name.
 */
export function readArchive(bytes: Buffer): Map<string, string> {
  const tar = unzipped(bytes);
  const files = new Map<string, string>();
  let entries = 0;
  let name: string | undefined;
  for (let offset = 0; offset + blockBytes <= tar.length; ) {
    const header = tar.subarray(offset, offset + blockBytes);
    if (header.every((byte) => byte === 0)) break;
    if (++entries > 2 * maxFiles) throw tooMany();
    const size = sizeOf(header);
    const content = tar.subarray(offset + blockBytes, offset + blockBytes + size);
    if (content.length < size) throw unusable("the archive is cut off");
    offset += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === longName) name = textOf(content);
    else if (type === paxHeader) name = paxPath(content) ?? name;
    else {
      const path = name ?? pathOf(header);
      name = undefined;
      if (ignoredTypes.includes(type)) continue;
      if (!fileTypes.includes(type)) throw unusable("the archive contains an entry that is not a file");
      addFile(files, path, content);
    }
  }
  if (entries === 0) throw unusable("the archive is not a tar archive");
  return files;
}

const tooMany = () => unusable(`the session has more than ${maxFiles} files`);

function unzipped(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    throw unusable(tooLarge ? `the archive has more than ${maxBytes} bytes` : "the archive can't be uncompressed");
  }
}

/** Checks the checksum of a header, and returns the size of its content. */
function sizeOf(header: Buffer): number {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  if (octal(header, 148, 156) !== sum) throw unusable("the archive is not a tar archive, or it is damaged");
  const size = octal(header, 124, 136);
  if (size === undefined || size > maxBytes) throw unusable("the archive contains a file that is too large");
  return size;
}

function octal(header: Buffer, start: number, end: number): number | undefined {
  const text = textOf(header.subarray(start, end)).trim();
  return /^[0-7]{1,11}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

function pathOf(header: Buffer): string {
  const prefix = header.toString("latin1", 257, 262) === "ustar" ? textOf(header.subarray(345, 500)) : "";
  const name = textOf(header.subarray(0, 100));
  return prefix ? `${prefix}/${name}` : name;
}

/** Returns the path in an extended header, which consists of lines `<length> <key>=<value>`. */
function paxPath(content: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString("utf8"))?.[1];
}

/** Adds a JSON file. Skips other files, such as databases and the metadata that macOS adds (`._*`). */
function addFile(files: Map<string, string>, path: string, content: Buffer): void {
  const parts = path.split(/[/\\]/);
  if (/^[/\\]|^[A-Za-z]:/.test(path) || parts.includes(".."))
    throw unusable("the archive contains a path that leads out of it");
  const name = parts.at(-1) ?? "";
  if (!name.endsWith(".json") || name.startsWith("._")) return;
  if (files.has(name)) throw unusable(`the archive contains ${name} twice: pack the folder of one session only`);
  if (files.size >= maxFiles) throw tooMany();
  files.set(name, content.toString("utf8"));
}
