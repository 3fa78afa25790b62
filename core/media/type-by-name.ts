/** Types of files without a magic number, by the extension of their name. */
const textTypes: Readonly<Record<string, string>> = {
  txt: "text/plain",
  log: "text/plain",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  md: "text/markdown",
  markdown: "text/markdown",
  vcf: "text/vcard",
  vcard: "text/vcard",
  ics: "text/calendar",
  json: "application/json",
  geojson: "application/geo+json",
  xml: "text/xml",
  html: "text/html",
  htm: "text/html",
  css: "text/css",
  js: "text/javascript",
  yaml: "application/yaml",
  yml: "application/yaml",
  sql: "application/sql",
};

const openXml = "application/vnd.openxmlformats-officedocument";
const openDocument = "application/vnd.oasis.opendocument";
/** Types of files that are ZIP files inside. */
const zipTypes: Readonly<Record<string, string>> = {
  docx: `${openXml}.wordprocessingml.document`,
  xlsx: `${openXml}.spreadsheetml.sheet`,
  pptx: `${openXml}.presentationml.presentation`,
  odt: `${openDocument}.text`,
  ods: `${openDocument}.spreadsheet`,
  odp: `${openDocument}.presentation`,
  epub: "application/epub+zip",
  apk: "application/vnd.android.package-archive",
  jar: "application/java-archive",
  kmz: "application/vnd.google-earth.kmz",
};
/** Types of files in Microsoft's Compound File Binary format. */
const compoundTypes: Readonly<Record<string, string>> = {
  doc: "application/msword",
  xls: "application/vnd.ms-excel",
  ppt: "application/vnd.ms-powerpoint",
  msg: "application/vnd.ms-outlook",
};
const containers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "application/zip": zipTypes,
  "application/x-cfb": compoundTypes,
};

const extensionOf = (filename: string) => /\.([a-z\d]{1,10})$/i.exec(filename.trim())?.[1]?.toLowerCase() ?? "";
const typeIn = (types: Readonly<Record<string, string>>, filename: string) => {
  const extension = extensionOf(filename);
  return Object.hasOwn(types, extension) ? types[extension] : undefined;
};

/** Types that say little about a file, so that its name may say more. */
const vague = new Set([
  "",
  "application/octet-stream",
  "binary/octet-stream",
  "text/plain",
  ...Object.keys(containers),
]);

/** Returns the type of a file whose content is a container, by its name: `application/zip` with `a.docx` is a document. */
export const typeInContainer = (container: string, filename: string): string =>
  (containers[container] && typeIn(containers[container], filename)) ?? container;

/** Returns the type of a text file by its name; undefined if the name doesn't tell. */
export const textTypeOf = (filename: string): string | undefined => typeIn(textTypes, filename);

/** Returns the stated type of a file, or the type by its name if the stated type says little. */
export function statedOrNamedType(stated: string, filename: string): string {
  if (!vague.has(stated)) return stated;
  if (containers[stated]) return typeInContainer(stated, filename);
  return textTypeOf(filename) ?? typeIn({ ...zipTypes, ...compoundTypes }, filename) ?? stated;
}

/** Returns the extension of a type in the tables; undefined if no table has it. */
export function extensionOfType(type: string): string | undefined {
  return Object.entries({ ...textTypes, ...zipTypes, ...compoundTypes }).find(([, found]) => found === type)?.[0];
}
