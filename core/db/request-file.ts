import type { Database } from "./index.ts";

/** Seconds between two tries to fetch a file on request. */
const minRetrySeconds = 10;

/**
 * Makes the session host fetch the file of an imported message, or a file that waits for another try. Such a file is
 * tried at most every `minRetrySeconds` on request.
 */
export async function requestFile({ sql }: Database, id: string): Promise<void> {
  await sql`
    update messages set media = case media->>'state'
      when 'remote' then media || '{"state":"pending"}' else jsonb_set(media, '{retry,requested}', 'true') end
    where id = ${id} and (media->>'state' = 'remote' or (
      media->>'state' = 'pending' and media->'retry'->'requested' is null
      and (media->'retry'->>'triedAt')::timestamptz < clock_timestamp() - ${minRetrySeconds} * interval '1 s'))`;
}
