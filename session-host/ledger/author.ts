import type { Batch } from "./writer.ts";

/** An SQL expression for the author of a row of `messages`, as a `MessageAuthor`. */
export const authorOf = (sql: Batch["sql"]) => sql`
  case when messages.from_me then (
    select json_build_object('id', coalesce(phone_number || '@s.whatsapp.net', lid, ''), 'lid', lid, 'fromMe', true)
    from instances where instances.id = messages.instance_id)
  else json_build_object('id', messages.sender_id, 'lid', messages.sender_lid, 'fromMe', false) end`;
