import * as z from "zod";
import type { SessionSource } from "../../../core/session/import/index.ts";

/** The session of another program, in the body of a request. */
export const sessionFields = z.object({
  session: z
    .union([z.record(z.string(), z.unknown()), z.array(z.record(z.string(), z.unknown()))])
    .optional()
    .meta({
      description:
        "The session as JSON: an object with the content of each file of a Baileys folder (`creds.json`, `pre-key-1.json`, …), an object with `creds` and `keys`, or the rows of a database",
    }),
  archive: z
    .string()
    .max(6_000_000)
    .transform((text) => Buffer.from(text, "base64"))
    .optional()
    .meta({ description: "Instead of `session`: the folder as a tar archive, also with gzip, in Base64" }),
});

/** Requires exactly one of the two forms. */
export const oneSession = <Schema extends z.ZodType<z.output<typeof sessionFields>>>(schema: Schema) =>
  schema.refine(
    ({ session, archive }) => (session === undefined) !== (archive === undefined),
    "must have either `session` or `archive`",
  );

export function sessionSource({ session, archive }: z.output<typeof sessionFields>): SessionSource {
  return archive ? { archive } : { session };
}
