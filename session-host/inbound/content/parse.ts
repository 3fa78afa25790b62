import type { proto } from "@whiskeysockets/baileys";
import type { Content } from "../../../core/message/content/index.ts";
import type { Field, Opened } from "./unwrap.ts";

/** What a parser knows about the message besides its own part. */
export interface Scope extends Pick<Opened, "content" | "flags" | "info"> {
  /** Notes that a text or list was too long, so that only its beginning is in the content. */
  noteCut(): void;
}

/**
 * Reads the content of one field of `proto.Message`. The strings and lists of the part are bounded (`boundMessage`), but
 * every part of it may be missing or wrong. Never throws.
 */
export type Parse<Name extends Field> = (part: NonNullable<proto.IMessage[Name]>, scope: Scope) => Content;

/** Like `Parse`, for a field that is only sometimes a message for people. Returns undefined if it is not. */
export type ParseSome<Name extends Field> = (...args: Parameters<Parse<Name>>) => Content | undefined;

/** A field that is no message for people. */
export interface Ignored {
  ignored: string;
}

/** Declares that a field is not told as a message, and why. */
export const ignored = (reason: string): Ignored => ({ ignored: reason });
