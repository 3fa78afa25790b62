import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countPdfPages } from "../../../core/media/pdf.ts";
import { objectStream, pdf } from "../../support/media/pdf.ts";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-pdf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function pagesOf(bytes: Buffer): Promise<number | undefined> {
  const path = join(folder, String(count++));
  await writeFile(path, bytes);
  return await countPdfPages(path);
}

test.each([
  ["with one page", pdf(1), 1],
  ["with many pages", pdf(20_000), 20_000],
  ["with a compressed page tree", pdf(12, { compressed: true }), 12],
  ["whose pages were changed", pdf(5, { update: 4 }), 4],
  ["with a decompression bomb", pdf(3, { compressed: true, bomb: true }), 3],
  [
    "for the web",
    Buffer.from("%PDF-1.4\n1 0 obj\n<< /Linearized 1 /L 9 /H [ 1 2 ] /O 3 /E 4 /N 17 /T 5 >>\nendobj"),
    17,
  ],
  ["without pages", pdf(0), undefined],
  ["that is truncated", pdf(3).subarray(0, 80), undefined],
  ["that is something else", Buffer.from("PK\x03\x04 /Type /Pages /Count 3 >>"), undefined],
  ["that is empty", Buffer.alloc(0), undefined],
  ["with an absurd number", Buffer.from("%PDF-1.7 << /Type /Pages /Count 9999999 >>"), undefined],
])("the pages of a PDF %s are counted", async (_name, bytes, pages) => {
  expect(await pagesOf(bytes)).toBe(pages);
});

test.each([
  ["without a dictionary", "/Type /Pages "],
  ["without an end", "<< /Type /Pages /Count 3 "],
  ["with object streams that are no streams", "/ObjStm stream\n"],
])("the search in a PDF %s ends soon", async (_name, part) => {
  expect(await pagesOf(Buffer.from(`%PDF-1.7 ${part.repeat(500_000)}`))).toBeUndefined();
});

const spaces = " ".repeat(300);
const decoys = (count: number) => `/Type/Pages${spaces}`.repeat(count);

test.each<[string, Buffer[], number | undefined]>([
  ["after a few decoys", [objectStream(decoys(100))], 3],
  ["after a few large streams", streams(4, " ".repeat(1_000_000)), 3],
  ["after too many decoys in several streams", streams(4, `${"/Pages ".repeat(300)}`), undefined],
  ["after too many decoys in the text", [Buffer.from("/Pages ".repeat(1_100))], undefined],
  ["after decoys without an end", [Buffer.from(decoys(900))], undefined],
  ["after too many large streams", streams(40, " ".repeat(1_000_000)), undefined],
  ["after too many damaged streams", streams(40, " ".repeat(2_000_000)), undefined],
])("a page tree %s is found only within the budget of the file", async (_name, after, pages) => {
  expect(await pagesOf(Buffer.concat([pdf(3, { compressed: true }), ...after]))).toBe(pages);
});

function streams(count: number, content: string): Buffer[] {
  return Array.from({ length: count }, () => objectStream(content));
}
