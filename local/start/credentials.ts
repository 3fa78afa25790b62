import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { FirstAdmin } from "../../core/user/index.ts";
import type { Gateway } from "../gateway/index.ts";

/**
 * Writes the credentials of a new admin to a file that only this user can read, unless a person sees the output. Output that
 * is not a terminal usually goes to a log, which others may read and which is kept. Returns the path of the file.
 */
export async function credentialsFile(
  { firstAdmin, config }: Pick<Gateway, "firstAdmin" | "config">,
  isTerminal: boolean,
): Promise<string | undefined> {
  if (!firstAdmin || isTerminal) return undefined;
  const path = join(config.DATA_DIR, "admin-credentials");
  // A new file, so that the mode is right and nobody has the file open.
  await rm(path, { force: true });
  await writeFile(path, `${credentials(firstAdmin)}\n`, { mode: 0o600, flag: "wx" });
  return resolve(path);
}

/** Returns what `npm start` prints about a new admin: the credentials, or the path of the file that has them. */
export function adminNote(admin: FirstAdmin, file: string | undefined): string {
  const done = admin.reset ? "Gave the admin access again. Remove ADMIN_RESET now." : "Created the first admin.";
  return file
    ? `
  ${done} Its password and API key are in this file. Store them in a safe place, and delete the file:
    ${file}
`
    : `
  ${done} This is shown only once:
${credentials(admin)}
`;
}

function credentials({ user, apiKey, generatedPassword }: FirstAdmin): string {
  return `    Email       ${user.email}
    Password    ${generatedPassword ?? "(ADMIN_PASSWORD)"}
    API key     ${apiKey.key}`;
}
