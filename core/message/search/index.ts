import type postgres from "postgres";
import type { Database } from "../../db/index.ts";
import { type Fragment, readWithinBytes } from "../../db/page.ts";
import { withTimeLimit } from "../../db/time-limit.ts";
import { AppError } from "../../error.ts";
import { isUuid } from "../../id.ts";
import { fitting } from "../../page.ts";
import { type MessageFilters, matching } from "../filter.ts";
import { chatJid, type HistoryMessage, notCleared, selectMessages } from "../history.ts";
import { excerptOf, type Marks } from "./excerpt.ts";
import { indexQuery, needsCheck, queryWords } from "./query.ts";
import { type Highlight, highlightsOf, type MatchMode } from "./words.ts";

export interface SearchRequest {
  text: string;
  mode: MatchMode;
  /** A recipient in any spelling, or the JID of a channel or broadcast. */
  chat?: string | undefined;
  /** Start of the time range, inclusive. */
  from?: Date | undefined;
  /** End of the time range, exclusive. */
  before?: Date | undefined;
  filters: MessageFilters;
  limit: number;
  /** `next` of the previous page. */
  cursor?: string | undefined;
  /** For the excerpt. */
  marks?: Marks | undefined;
  /** How long the search may take, in milliseconds. */
  timeLimitMs?: number;
}

export interface FoundMessage extends HistoryMessage {
  highlights: Highlight[];
  /** Null without marks. */
  excerpt: string | null;
}

export interface SearchResult {
  messages: FoundMessage[];
  /** Null on the last page. */
  next: string | null;
  /** Whether older messages are still being indexed, so that some matches may be missing. */
  indexing: boolean;
}

const defaultTimeLimitMs = 8_000;

/**
 * Returns a page of the messages of these instances that have all words of a text, newest first. Messages that were
 * deleted for everyone are not found. Throws `invalid_request` for a text without words, a chat or a cursor that is not
 * valid, and `query_too_broad` if the search takes longer than `timeLimitMs`.
 */
export async function searchMessages(
  db: Database,
  instanceIds: readonly string[],
  request: SearchRequest,
): Promise<SearchResult> {
  const words = queryWords(request.text, request.mode);
  const position = request.cursor === undefined ? undefined : readCursor(request.cursor);
  const chatId = request.chat === undefined ? undefined : chatJid(request.chat);
  const { found, indexing } = await withTimeLimit(db, request.timeLimitMs ?? defaultTimeLimitMs, async (sql) => {
    // Without statistics, Postgres would rather read the whole table than the index of another type.
    await sql`select set_config('enable_seqscan', 'off', true)`;
    const matches = newestMatches(sql, instanceIds, words, request, position);
    const rows = foundRows(sql, matches, { ...request, words, chatId });
    const bytes = sql`octet_length(body) + octet_length(concat("pushName", content, context, media, reactions))`;
    const [state] = await sql<{ indexing: boolean }[]>`select exists (select from search_backfill) as indexing`;
    return { found: await readWithinBytes<Row>(sql, rows, bytes), indexing: state?.indexing ?? false };
  });
  const shown = fitting(found.items.slice(0, request.limit));
  const hasMore = found.cut || shown.length < found.items.length;
  const last = shown.at(-1);
  return {
    messages: shown.map(({ position: _position, ...message }) => {
      const highlights = highlightsOf(message.body, words, request.mode);
      return {
        ...message,
        highlights,
        excerpt: request.marks ? excerptOf(message.body, highlights, request.marks) : null,
      };
    }),
    next: hasMore && last ? writeCursor({ micros: last.position, id: last.id }) : null,
    indexing,
  };
}

type Row = HistoryMessage & { position: string };

/** The index entries of all matches in order, without reading the messages. */
function newestMatches(
  sql: postgres.ISql,
  instanceIds: readonly string[],
  words: readonly string[],
  { mode, from, before }: SearchRequest,
  position: Position | undefined,
): Fragment {
  const queries = instanceIds.map((id) => indexQuery(keyOf(id), words, mode));
  const after =
    position &&
    sql`
    and (sent_at, message_id) < (to_timestamp(0) + ${position.micros}::int8 * interval '1 microsecond', ${position.id}::uuid)`;
  return sql`
    select hit.message_id, hit.sent_at
    from unnest(${instanceIds}::uuid[], ${queries}::text[]) as one(instance_id, query)
    cross join lateral (
      select message_id, sent_at from message_search
      where instance_id = one.instance_id and words @@ one.query::tsquery
        ${from ? sql`and sent_at >= ${from}` : sql``} ${before ? sql`and sent_at < ${before}` : sql``} ${after ?? sql``}) hit
    order by hit.sent_at desc, hit.message_id desc offset 0`;
}

/** The messages of a page: reads messages in the order of the matches until the page is full. */
function foundRows(
  sql: postgres.ISql,
  matches: Fragment,
  request: SearchRequest & { words: readonly string[]; chatId: string | undefined },
): Fragment {
  const { words, mode, chatId, filters, limit } = request;
  return sql`
    select message.* from (${matches}) entry cross join lateral (
      select ${selectMessages(sql)}, (extract(epoch from sent_at) * 1000000)::int8::text as position from messages
      where id = entry.message_id and deleted_at is null and ${notCleared(sql)}
        ${chatId === undefined ? sql`` : sql`and chat_id = ${chatId}`}
        ${matching(sql, sql`messages.instance_id`, filters)}
        ${needsCheck(words, mode) ? sql`and search_matches(body, ${words}::text[], ${mode})` : sql``}
      offset 0) message
    order by entry.sent_at desc, entry.message_id desc limit ${limit + 1}`;
}

/** The key of an instance in the index, as `search_key` returns it. */
export const keyOf = (instanceId: string): string => Buffer.from(instanceId.slice(-6), "hex").toString("base64");

/** The time of a message in microseconds since 1970, and its id. */
interface Position {
  micros: string;
  id: string;
}

const writeCursor = ({ micros, id }: Position) => Buffer.from(`${micros} ${id}`).toString("base64url");

function readCursor(cursor: string): Position {
  const [micros = "", id = ""] = Buffer.from(cursor, "base64url").toString().split(" ");
  const position = { micros, id };
  if (/^-?\d{1,17}$/.test(micros) && isUuid(id) && writeCursor(position) === cursor) return position;
  throw new AppError("invalid_request", "cursor: must be the `next` of a previous page");
}
