import { sealedOutput } from "../../core/command/result.ts";
import { storableJson } from "../../core/db/index.ts";
import { type Batch, rowsOf, type Writer } from "./writer.ts";

/** Ends commands. Only a claimed command ends: a canceled one stays canceled. Returns whether there are replies to send. */
export const commands = {
  async write(batch: Batch): Promise<boolean> {
    const { sql, vault } = batch;
    const rows = rowsOf(batch, (change) => change.commands).map(
      ({ instanceId: _, at, secret, output, ...command }) => ({
        at: at.toISOString(),
        output: secret ? sealedOutput(vault, command.id, output) : output,
        ...command,
      }),
    );
    if (rows.length === 0) return false;
    const replied = await sql`
      with finished as (
        update commands set status = t.status, output = t.output, error_code = t."errorCode",
          error_details = t."errorDetails", finished_at = t.at
        from jsonb_to_recordset(${storableJson(rows)}::text::jsonb)
          as t(id uuid, status text, output jsonb, "errorCode" text, "errorDetails" text, at timestamptz)
        where commands.id = t.id and commands.id = any(${rows.map((row) => row.id)}::uuid[]) and commands.status = 'claimed'
        returning reply_to
      )
      select from finished where reply_to is not null limit 1`;
    return replied.length > 0;
  },
  hasReplies: (replied: boolean) => replied,
} satisfies Writer<boolean>;
