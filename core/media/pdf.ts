import { open } from "node:fs/promises";
import { inflateSync } from "node:zlib";

/** How much of the end of a file is searched, where the page tree usually is, and of its beginning. Bytes. */
const tailBytes = 16 * 1024 * 1024;
const headBytes = 4096;
/** Size of the largest object stream that is read. Bytes. */
const maxStreamBytes = 1024 * 1024;
/** How far the ends of a dictionary are searched. A list of 20,000 pages has 180 KB. Bytes. */
const windowBytes = 256 * 1024;
/** How much of both ends of a dictionary is read, between which the list of pages is. Bytes. */
const dictionaryBytes = 400;
const maxPages = 1_000_000;

/** What the search in one file may still use, so that no file takes longer than a large one. */
class Budget {
  /** Candidates for a page tree. */
  #candidates = 1000;
  /** Compressed and decompressed bytes of object streams. */
  #streamBytes = 16 * 1024 * 1024;
  /** Bytes between candidates and the ends of their dictionaries. */
  #scannedBytes = 16 * 1024 * 1024;

  get isSpent(): boolean {
    return this.#candidates < 0 || this.#streamBytes < 0 || this.#scannedBytes < 0;
  }

  takeCandidate(): void {
    this.#candidates -= 1;
  }

  takeStream(bytes: number): void {
    this.#streamBytes -= bytes;
  }

  takeScan(bytes: number): void {
    this.#scannedBytes -= bytes;
  }
}

/**
 * Returns the number of pages of a PDF, or undefined if it is not found, as in an encrypted file, or if the search takes too
 * long. Reads the root of the page
 * tree (ISO 32000-1, 7.7.3), in plain text or in an object stream (7.5.7), of which the last one counts, or the header of a
 * linearized file (annex F).
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
  const budget = new Budget();
  const found = rootIn(bytes.toString("latin1"), budget) ?? rootInStreams(bytes, budget);
  if (found !== undefined || budget.isSpent) return found;
  const linearized = /\/Linearized [^>]{0,300}?\/N (\d{1,7})\b/.exec(head)?.[1];
  return linearized === undefined ? undefined : valid(Number(linearized));
}

/** Returns the number of pages in the last root of a page tree in a text: a dictionary that has no parent. */
function rootIn(text: string, budget: Budget): number | undefined {
  let pages: number | undefined;
  for (let at = text.lastIndexOf("/Pages"); at > 0 && pages === undefined; at = text.lastIndexOf("/Pages", at - 1)) {
    budget.takeCandidate();
    if (budget.isSpent) return undefined;
    if (!/\/Type\s{0,4}$/.test(text.slice(Math.max(0, at - 10), at))) continue;
    const around = dictionaryAround(text, at, budget);
    if (around === undefined || around.includes("/Parent")) continue;
    const count = /\/Count\s{1,4}(\d{1,7})\b/.exec(around)?.[1];
    if (count !== undefined) pages = valid(Number(count));
  }
  return pages;
}

/** Returns both ends of the dictionary at a position. The list of pages between them can be long. */
function dictionaryAround(text: string, at: number, budget: Budget): string | undefined {
  const before = text.slice(Math.max(0, at - windowBytes), at);
  const start = before.lastIndexOf("<<");
  budget.takeScan(start < 0 ? before.length : before.length - start);
  if (start < 0) return undefined;
  const after = text.slice(at, at + windowBytes);
  const end = after.indexOf(">>");
  budget.takeScan(end < 0 ? after.length : end);
  if (end < 0) return undefined;
  const whole = before.slice(start) + after.slice(0, end);
  return `${whole.slice(0, dictionaryBytes)} ${whole.slice(-dictionaryBytes)}`;
}

/** Returns the number of pages in the last root of a page tree in the object streams. */
function rootInStreams(bytes: Buffer, budget: Budget): number | undefined {
  for (let at = bytes.lastIndexOf("/ObjStm"); at > 0; at = bytes.lastIndexOf("/ObjStm", at - 1)) {
    const start = bytes.subarray(at, at + dictionaryBytes).indexOf("stream");
    if (start < 0) continue;
    if (budget.isSpent) return undefined;
    const end = at + start + "stream".length;
    const content = end + (bytes[end] === 0x0d ? 2 : 1);
    const following = bytes.subarray(content, content + maxStreamBytes);
    const length = following.indexOf("endstream");
    const text = inflated(length < 0 ? following : following.subarray(0, length), budget);
    const pages = text === undefined ? undefined : rootIn(text, budget);
    if (pages !== undefined) return pages;
  }
  return undefined;
}

/** Decompresses a stream, which a line break can follow. Returns undefined if it is damaged or too large. */
function inflated(bytes: Buffer, budget: Budget): string | undefined {
  budget.takeStream(bytes.length);
  try {
    const content = inflateSync(bytes, { maxOutputLength: maxStreamBytes });
    budget.takeStream(content.length);
    return content.toString("latin1");
  } catch {
    // The error doesn't tell how much was decompressed before it.
    budget.takeStream(maxStreamBytes);
    return undefined;
  }
}

const valid = (pages: number) => (pages >= 1 && pages <= maxPages ? pages : undefined);
