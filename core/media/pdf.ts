import { open } from "node:fs/promises";
import { inflateSync } from "node:zlib";

/** How much of the end of a file is searched, where the page tree usually is, and of its beginning. Bytes. */
const tailBytes = 16 * 1024 * 1024;
const headBytes = 4096;
/** How many compressed objects are read at most, and the bytes of each. */
const maxStreams = 2000;
const maxStreamBytes = 1024 * 1024;
/** How many candidates for a page tree are looked at in a text, and how far their dictionary is searched. Bytes. */
const maxCandidates = 1000;
const windowBytes = 256 * 1024;
/** How much of both ends of a dictionary is read, between which the list of pages is. Bytes. */
const dictionaryBytes = 400;
const maxPages = 1_000_000;

/**
 * Returns the number of pages of a PDF, or undefined if it is not found, as in an encrypted file. Reads the root of the page
 * tree (ISO 32000-1, 7.7.3), in plain text or in an object stream (7.5.7), of which the last one counts, or the header of a
 * linearized file (annex F). Takes linear time.
 */
export async function countPdfPages(path: string): Promise<number | undefined> {
  await using file = await open(path);
  const { size } = await file.stat();
  const read = async (at: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  const head = (await read(0, Math.min(size, headBytes))).toString("latin1");
  if (!head.startsWith("%PDF-")) return undefined;
  const from = Math.max(0, size - tailBytes);
  const bytes = await read(from, size - from);
  const found = rootIn(bytes.toString("latin1")) ?? rootInStreams(bytes);
  if (found !== undefined) return found;
  const linearized = /\/Linearized [^>]{0,300}?\/N (\d{1,7})\b/.exec(head)?.[1];
  return linearized === undefined ? undefined : valid(Number(linearized));
}

/** Returns the number of pages in the last root of a page tree in a text: a dictionary that has no parent. */
function rootIn(text: string): number | undefined {
  let pages: number | undefined;
  let candidates = 0;
  for (let at = text.lastIndexOf("/Pages"); at > 0 && pages === undefined; at = text.lastIndexOf("/Pages", at - 1)) {
    if (++candidates > maxCandidates) return undefined;
    if (!/\/Type\s{0,4}$/.test(text.slice(Math.max(0, at - 10), at))) continue;
    const before = text.slice(Math.max(0, at - windowBytes), at);
    const after = text.slice(at, at + windowBytes);
    const [start, end] = [before.lastIndexOf("<<"), after.indexOf(">>")];
    if (start < 0 || end < 0) continue;
    const whole = before.slice(start) + after.slice(0, end);
    // The list of pages can be long, so only the ends of the dictionary are searched.
    const around = `${whole.slice(0, dictionaryBytes)} ${whole.slice(-dictionaryBytes)}`;
    if (around.includes("/Parent")) continue;
    const count = /\/Count\s{1,4}(\d{1,7})\b/.exec(around)?.[1];
    if (count !== undefined) pages = valid(Number(count));
  }
  return pages;
}

/** Returns the number of pages in the last root of a page tree in the object streams. */
function rootInStreams(bytes: Buffer): number | undefined {
  let count = 0;
  for (let at = bytes.lastIndexOf("/ObjStm"); at > 0 && count < maxStreams; at = bytes.lastIndexOf("/ObjStm", at - 1)) {
    count++;
    const start = bytes.indexOf("stream", at + 7);
    if (start < 0 || start - at > dictionaryBytes) continue;
    const content = start + (bytes[start + 6] === 0x0d ? 8 : 7);
    const text = inflated(bytes.subarray(content, content + maxStreamBytes));
    const pages = text === undefined ? undefined : rootIn(text);
    if (pages !== undefined) return pages;
  }
  return undefined;
}

/** Decompresses a stream that is followed by other bytes. Returns undefined if it is damaged or too large. */
function inflated(bytes: Buffer): string | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: maxStreamBytes }).toString("latin1");
  } catch {
    return undefined;
  }
}

const valid = (pages: number) => (pages >= 1 && pages <= maxPages ? pages : undefined);
