import { sendLifetimeMs } from "../../../core/command/accept.ts";
import { sendText } from "../../../core/command/catalog/message/send.ts";
import { storableJson, storableText } from "../../../core/db/index.ts";
import type { Batch, Writer } from "../writer.ts";
import { writeEach } from "../writer.ts";

/**
 * Sends the answer to a person whose call is rejected as any other message, unless the person got one recently. The
 * message is stored together with the event of the call, so that it is neither lost nor sent twice after a crash.
 */
export const callAnswers = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.callAnswers,
      ({ to, callers, text, afterHours, callId }, { instanceId, at }) => {
        const { sql, ids } = batch;
        const waId = ids.messageId();
        const input = { to, text };
        const preview = sendText.preview?.(input);
        const second = new Date(Math.floor(at.getTime() / 1000) * 1000);
        const before = new Date(at.getTime() - afterHours * 60 * 60 * 1000);
        return sql`
          with answer as (
            insert into call_answers (instance_id, caller, answered_at)
            select ${instanceId}::uuid, ${callers[0] ?? to}::text, ${at}::timestamptz
            where not exists (
              select from call_answers where instance_id = ${instanceId} and caller = any(${[...callers]}::text[])
                and answered_at > ${before}::timestamptz)
            on conflict (instance_id, caller) do update set answered_at = excluded.answered_at
            returning caller
          ), command as (
            insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, correlation_id, deadline,
              created_at)
            select ${ids.uuid()}::uuid, i.id, i.user_id, i.shard, ${sendText.name}::text, ${sendText.kind}::text,
              ${storableJson(input)}::text::jsonb, ${waId}::text, 'queued', ${storableText(callId)}::text,
              ${new Date(at.getTime() + sendLifetimeMs)}::timestamptz, ${at}::timestamptz
            from instances i, answer where i.id = ${instanceId}
            returning id
          )
          insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
          select ${ids.uuid()}::uuid, ${instanceId}::uuid, ${waId}::text, ${to}::text, true, ${preview?.type ?? ""}::text,
            ${preview?.protoType ?? ""}::text, ${storableText(text)}::text, 'pending', ${second}::timestamptz, ${at}::timestamptz
          from command`;
      },
    ),
} satisfies Writer;
