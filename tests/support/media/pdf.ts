import { deflateSync } from "node:zlib";

/** Returns a PDF with this many empty pages. With `compressed`, its page tree is in an object stream. */
export function pdf(pages: number, options: { compressed?: boolean; update?: number; bomb?: boolean } = {}): Buffer {
  const { compressed = false, update, bomb = false } = options;
  const kids = Array.from({ length: pages }, (_, index) => `${index + 3} 0 R`);
  const root = (count: number) => `<< /Type /Pages /Kids [${kids.join(" ")}] /Count ${count} >>`;
  const page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>";
  const branch = "<< /Type /Pages /Parent 2 0 R /Kids [] /Count 7 >>";
  const objects = ["<< /Type /Catalog /Pages 2 0 R >>", root(pages), ...kids.map(() => page), branch];
  const parts: Buffer[] = [Buffer.from("%PDF-1.7\n")];
  if (compressed) parts.push(objectStream(Buffer.from(objects.join("\n"))));
  else for (const [index, text] of objects.entries()) parts.push(Buffer.from(`${index + 1} 0 obj\n${text}\nendobj\n`));
  if (bomb) parts.push(objectStream(Buffer.alloc(200 * 1024 * 1024)));
  if (update !== undefined) parts.push(Buffer.from(`2 0 obj\n${root(update)}\nendobj\n`));
  parts.push(Buffer.from("trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF"));
  return Buffer.concat(parts);
}

/** Returns a compressed object stream with this content. */
export function objectStream(content: Buffer | string): Buffer {
  const body = deflateSync(content);
  const head = `9 0 obj\n<< /Type /ObjStm /N 1 /First 0 /Filter /FlateDecode /Length ${body.length} >>\nstream\n`;
  return Buffer.concat([Buffer.from(head), body, Buffer.from("\nendstream\nendobj\n")]);
}
