import { writeEnds } from "../../../core/command/end.ts";
import { sealedOutput } from "../../../core/command/result.ts";
import { type Batch, rowsOf, type Writer } from "../writer.ts";

/** Writes the ends of claimed commands. A canceled command stays canceled. */
export const commands = {
  independent: true,
  /** Returns whether it stored replies that must be sent. */
  async write(batch: Batch): Promise<boolean> {
    const { sql, vault } = batch;
    const ends = rowsOf(batch, (change) => change.commands).map(({ secret, output, ...end }) => ({
      ...end,
      output: secret ? sealedOutput(vault, end.id, output) : output,
    }));
    return await writeEnds(sql, ends, ["claimed"]);
  },
  hasReplies: (hasReplies: boolean) => hasReplies,
} satisfies Writer<boolean>;
