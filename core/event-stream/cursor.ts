import { AppError } from "../error.ts";
import { isInRange } from "../instant.ts";

/**
 * A place in the events of several instances. It stands for: all events with a `position` up to `position`, and for
 * each instance in `ahead` all its events up to a sequence number.
 *
 * `position` alone can't be the place, because transactions commit out of order: an event can appear after an event
 * with a greater position. `ahead` names the instances whose newer events were read before that could be ruled out.
 */
export interface Cursor {
  position: number;
  /** When the cursor was made, to the second. Missing in a cursor that is only a number. */
  at?: Date | undefined;
  /** Sequence numbers by instance id. */
  ahead: ReadonlyMap<string, number>;
}

/** The most instances that a cursor names. The text then has about 1,500 characters, which fit in a header. */
export const maxAhead = 50;

const pattern = /^(\d{1,15})(?:\.([0-9a-z]{1,9}))?((?:~[A-Za-z0-9_-]{22}\.\d{1,15}){0,50})$/;

/** Returns the text of a cursor: `1523.t3k9x1`, or `1523.t3k9x1~<instance>.57~<instance>.3`. */
export function formatCursor({ position, at, ahead }: Cursor): string {
  const time = at === undefined ? "" : `.${Math.floor(at.getTime() / 1000).toString(36)}`;
  return `${position}${time}${[...ahead].map(([id, seq]) => `~${shortId(id)}.${seq}`).join("")}`;
}

/** Throws `invalid_request` for text that `formatCursor` never returns, and that is not a position. */
export function parseCursor(text: string): Cursor {
  const [, position, seconds, ahead = ""] = pattern.exec(text) ?? [];
  if (position === undefined) throw new AppError("invalid_request", "the cursor is not an id of this stream");
  const named = ahead.split("~").filter(Boolean);
  const at = seconds === undefined ? undefined : new Date(Number.parseInt(seconds, 36) * 1000);
  if (at && !isInRange(at.getTime())) throw new AppError("invalid_request", "the cursor has no valid time");
  return {
    position: Number(position),
    at,
    ahead: new Map(
      named.map((entry) => {
        const [id = "", seq] = entry.split(".");
        return [longId(id), Number(seq)];
      }),
    ),
  };
}

const shortId = (id: string) => Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");

function longId(short: string): string {
  const hex = Buffer.from(short, "base64url").toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
