import type postgres from "postgres";

/** Numbers of rows. A tenth of the messages, events, deliveries and commands belongs to one instance. */
export interface Sizes {
  instances: number;
  messages: number;
  events: number;
  keys: number;
  deliveries: number;
}

export const fullSizes: Sizes = {
  instances: 5_000,
  messages: 1_000_000,
  events: 5_000_000,
  keys: 2_200_000,
  deliveries: 1_000_000,
};

/** Returns the sizes for a number of messages, with at least 50 instances. */
export function sizesFor(messages: number): Sizes {
  const share = messages / fullSizes.messages;
  const of = (count: number) => Math.round(count * share);
  return {
    instances: Math.max(50, of(fullSizes.instances)),
    messages,
    events: of(fullSizes.events),
    keys: of(fullSizes.keys),
    deliveries: of(fullSizes.deliveries),
  };
}

/** The busy instance, and one of its chats, which has half of its messages. */
export interface Busy {
  instanceId: string;
  userId: string;
  shard: number;
  chatId: string;
}

/** A UUIDv7 of the instant `at` with the number `n`. */
const idAt = (sql: postgres.Sql, salt: string) => sql`
  (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(${salt} || n), 1, 3) || '8'
    || substr(md5(${salt} || n), 4, 15))::uuid`;

/**
 * Fills the tables with rows of other users and of the busy instance, over the last 29 days, newer than any retention. The
 * triggers that count rows are off: their tables are filled here. Their own instances are in the shards that `elsewhere`
 * lists.
 */
export async function fill(pool: postgres.Sql, sizes: Sizes, busy: Busy, elsewhere: readonly number[]): Promise<void> {
  await pool.reserve().then(async (reserved) => {
    const sql = reserved as unknown as postgres.Sql;
    try {
      await sql`set session_replication_role = replica`;
      await sql`set synchronous_commit = off`;
      await owners(sql, sizes, busy, elsewhere);
      await history(sql, sizes, busy);
      await log(sql, sizes);
      await outgoing(sql, sizes);
    } finally {
      await sql`reset session_replication_role`;
      reserved.release();
    }
  });
  await pool`vacuum analyze`;
}

/** Users, instances, keys of sessions and usage. The table `owned` numbers the instances. */
async function owners(sql: postgres.Sql, sizes: Sizes, busy: Busy, elsewhere: readonly number[]): Promise<void> {
  const users = Math.ceil(sizes.instances / 10);
  await sql`
    insert into users (id, email, password_hash) select gen_random_uuid(), 'filled' || n || '@example.com', 'x'
    from generate_series(1, ${users}::int) n`;
  await sql`
    create temp table owned as
    select n as number, case when n = 0 then ${busy.instanceId}::uuid else gen_random_uuid() end as id, u.id as user_id,
      case when n = 0 then ${busy.shard}::int else (${elsewhere as number[]}::int[])[1 + n % ${elsewhere.length}] end as shard
    from generate_series(0, ${sizes.instances}::int) n
    join (select id, row_number() over () - 1 as place from users where email like 'filled%') u on u.place = n % ${users}`;
  await sql`update owned set user_id = ${busy.userId} where number = 0`;
  await sql`alter table owned add primary key (number)`;
  await sql`
    insert into instances (id, user_id, name, dialect, shard, status, linked_at, webhook_url, created_at, event_seq)
    select id, user_id, 'filled ' || number, 'gateway', shard, 'connected', now(), 'http://127.0.0.1:9/', now() - interval '30 days',
      ${sizes.events}
    from owned where number > 0`;
  await sql`
    insert into session_keys (instance_id, type, key_id, value)
    select id, case when k % 4 = 0 then 'session' else 'pre-key' end, k::text, decode(repeat(md5(k::text), 8), 'hex')
    from owned, generate_series(1, ${Math.ceil(sizes.keys / sizes.instances)}::int) k where number > 0`;
  await sql`
    insert into usage (user_id, instance_id, slot, lane, messages_sent, messages_received, api_calls)
    select user_id, id, date_bin('15 minutes', now(), timestamptz '2000-01-01Z') - s * interval '15 minutes', lane, 1, 1, 1
    from owned, generate_series(0, 200) s, generate_series(0, case when s < 2 then 1 else 0 end) lane where number > 0`;
}

/** The number of the instance of row `n`: every tenth row belongs to the busy one. */
const owner = (sql: postgres.Sql, sizes: Sizes) => sql`case when n % 10 = 0 then 0 else 1 + n % ${sizes.instances} end`;

/** The instant of row `n` of `total`. */
const instant = (sql: postgres.Sql, total: number) =>
  sql`now() - interval '29 days' + n * (interval '29 days' - interval '1 hour') / ${total}::float8`;

/** Messages with their chats, days and search entries. */
async function history(sql: postgres.Sql, sizes: Sizes, { instanceId, chatId }: Busy): Promise<void> {
  await sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at,
      created_at, unread)
    select ${idAt(sql, "m")}, o.id, 'FILLED' || m.n, case when m.n % 20 = 0 then ${chatId} else
        '4917' || lpad((m.n % 97)::text, 8, '0') || '@s.whatsapp.net' end,
      m.n % 2 = 0, case when m.n % 2 = 0 then '' else '491799999@s.whatsapp.net' end, 'text', 'conversation',
      'filled message about subject ' || m.n % 1000, case when m.n % 2 = 0 then 'read' else 'received' end, at, at, false
    from (select n, ${instant(sql, sizes.messages)} as at, ${owner(sql, sizes)} as own
      from generate_series(1, ${sizes.messages}::int) n) m join owned o on o.number = m.own`;
  await sql`
    insert into chats (instance_id, chat_id, messages, last_at)
    select instance_id, chat_id, count(*), max(sent_at) from messages group by 1, 2
    on conflict (instance_id, chat_id) do update set messages = excluded.messages, last_at = excluded.last_at`;
  await sql`
    insert into message_days (instance_id, chat_id, day, messages)
    select instance_id, chat_id, (sent_at at time zone 'UTC')::date, count(*) from messages group by 1, 2, 3
    on conflict (instance_id, chat_id, day) do update set messages = excluded.messages`;
  await sql`
    insert into message_search (message_id, instance_id, sent_at, words)
    select id, instance_id, sent_at, search_parts(instance_id, body) from messages
    where instance_id = ${instanceId} and body <> '' on conflict do nothing`;
  await sql`
    insert into contacts (instance_id, jid, name) select instance_id, chat_id, 'Contact ' || chat_id from chats
    on conflict do nothing`;
}

/** The event log. The numbers begin after those of the events that the busy instance has already. */
async function log(sql: postgres.Sql, sizes: Sizes): Promise<void> {
  await sql`
    insert into events (id, instance_id, shard, seq, type, data, correlation_id, created_at, emitted_at)
    select ${idAt(sql, "e")}, o.id, o.shard, 1000 + e.n, 'message.status',
      jsonb_build_object('messageId', 'FILLED' || e.n, 'chatId', '491799999@s.whatsapp.net', 'status', 'read'), 'filled', at, at
    from (select n, ${instant(sql, sizes.events)} as at, ${owner(sql, sizes)} as own
      from generate_series(1, ${sizes.events}::int) n) e join owned o on o.number = e.own`;
  await sql`
    update instances i set event_seq = greatest(event_seq, 1000 + ${sizes.events})`;
}

/** Commands, and deliveries with their attempts. All are finished, except for one in ten thousand. */
async function outgoing(sql: postgres.Sql, sizes: Sizes): Promise<void> {
  await sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, output, correlation_id, deadline,
      created_at, finished_at)
    select ${idAt(sql, "c")}, o.id, o.user_id, o.shard, 'message.sendText', 'send', '{"to": "4917", "text": "filled"}',
      'SENT' || c.n, case when c.n % 10000 = 1 and o.number > 0 then 'queued' else 'done' end, '{}', 'filled',
      now() + interval '1 day', at, case when c.n % 10000 = 1 and o.number > 0 then null else at end
    from (select n, ${instant(sql, sizes.messages)} as at, ${owner(sql, sizes)} as own
      from generate_series(1, ${sizes.messages}::int) n) c join owned o on o.number = c.own`;
  await sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, status, attempts, next_at, created_at,
      finished_at)
    select ${idAt(sql, "d")}, o.id, ${idAt(sql, "e")}, 1000 + d.n, 'message.status', 'http://127.0.0.1:9/', '{"event": "x"}',
      case when d.n % 10000 = 1 and o.number > 0 then 'pending' else 'succeeded' end, 1, now() + interval '1 day', at, at
    from (select n, ${instant(sql, sizes.deliveries)} as at, ${owner(sql, sizes)} as own
      from generate_series(1, ${sizes.deliveries}::int) n) d join owned o on o.number = d.own`;
  await sql`
    insert into attempts (id, delivery_id, number, at, duration_ms, status)
    select gen_random_uuid(), id, 1, created_at, 10, 200 from deliveries`;
}
