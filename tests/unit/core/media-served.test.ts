import { expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { inventedName, nameOfAttachment, safeName } from "../../../core/media/filename.ts";
import { servedAs } from "../../../core/media/served.ts";
import { openStorage } from "../../../core/storage/index.ts";

const inline = (mimetype: string | null, name = "a.bin") => servedAs("inline", mimetype, name);

test.each(["image/jpeg", "image/png", "image/webp", "image/gif", "audio/mpeg", "video/mp4"])(
  "a browser may show a file of type %s",
  (type) => {
    expect(inline(type)).toMatchObject({ contentType: type, contentDisposition: expect.stringMatching(/^inline; /) });
    expect(inline(type.toUpperCase()).contentDisposition).toMatch(/^inline; /);
    expect(servedAs("attachment", type, "a").contentDisposition).toMatch(/^attachment; /);
  },
);

test.each([
  "text/html",
  "text/html; charset=utf-8",
  " text/html",
  "application/xhtml+xml",
  "image/svg+xml",
  "IMAGE/SVG+XML",
  "text/xml",
  "application/xml",
  "application/pdf+html",
  "text/javascript",
  "application/x-shockwave-flash",
  "multipart/x-mixed-replace",
  "image/png,text/html",
  "image/png\r\nx: y",
  "",
  null,
])("a browser saves a file of type %j as bytes without a type", (type) => {
  const { contentType, contentDisposition } = inline(type);
  expect(contentType).toBe("application/octet-stream");
  expect(contentDisposition).toMatch(/^attachment; /);
});

test.each(["application/pdf", "text/plain", "text/csv", "application/zip", "text/vcard"])(
  "a browser saves a document of type %s",
  (type) => {
    expect(inline(`${type}; charset=utf-8`)).toMatchObject({
      contentType: type,
      contentDisposition: expect.stringMatching(/^attachment; /),
    });
  },
);

test("a voice note keeps its codec", () => {
  expect(inline("audio/ogg; codecs=opus").contentType).toBe("audio/ogg; codecs=opus");
  expect(inline("audio/ogg; codecs=x").contentType).toBe("audio/ogg");
});

test.each([
  ["a\r\nSet-Cookie: a=b.txt", "aSet-Cookie: a=b.txt"],
  ["exe.\u202egpj\u2066.exe", "exe.gpj.exe"],
  ["\u0000\u001f\u007f", "file"],
  ["../../etc/passwd", "....etcpasswd"],
  ["...", "file"],
  ["", "file"],
  ["\ud800.png", "\ufffd.png"],
  ["счёт 🧾.pdf", "счёт 🧾.pdf"],
])("a name loses the characters that mislead: %j", (name, safe) => {
  expect(safeName(name)).toBe(safe);
  expect(nameOfAttachment(inline("text/html", name).contentDisposition)).toBe(safe);
});

test.each(["a", "ы", "🧾", "\u0001", "%", "\ud800", '"'])(
  "a link to a file with 60,000 times %j as its name has less than 4 KB",
  async (char) => {
    const config = readConfig({ S3_ENDPOINT: "http://127.0.0.1:1" });
    const storage = openStorage(config);
    const headers = servedAs("attachment", "application/pdf", `${char.repeat(60_000)}.pdf`);
    expect(headers.contentDisposition).toMatch(
      /^attachment; filename="[^"\\\r\n]{1,120}"; filename\*=UTF-8''[\w.%~!-]+$/,
    );
    if (char !== "\u0001") expect(nameOfAttachment(headers.contentDisposition)).toMatch(/^.{100,120}\.pdf$/s);
    expect((await storage.presign("media/0/0", 60, headers)).length).toBeLessThan(4096);
    storage.client.destroy();
  },
);

test.each([
  ["application/octet-stream", "list.csv", "text/csv"],
  [null, "person.vcf", "text/vcard"],
  ["text/plain", "notes.md", "text/markdown"],
  ["application/zip", "letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  ["application/octet-stream", "page.html", "application/octet-stream"],
  ["application/octet-stream", "photo.png", "application/octet-stream"],
  ["text/html", "list.csv", "application/octet-stream"],
])("a file of the stated type %j with the name %s is served as %s, to be saved", (stated, name, type) => {
  expect(inline(stated, name)).toMatchObject({
    contentType: type,
    contentDisposition: expect.stringMatching(/^attachment; /),
  });
});

test("a file without a name gets the usual extension of its type", () => {
  const spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  const names = ["text/vcard", "text/markdown", "text/csv", spreadsheet].map((type) => inventedName("a", type));
  expect(names).toEqual(["a.vcf", "a.md", "a.csv", "a.xlsx"]);
});
