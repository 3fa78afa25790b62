import type { Parse } from "../parse.ts";
import { Reader, referenceOf } from "../reader.ts";
import { unwrap } from "../unwrap.ts";

/**
 * Reads a comment, whose text is a message of its own. mautrix-whatsapp shows comments as a thread (`commentTarget` in
 * `pkg/msgconv/from-whatsapp.go`).
 */
export const parseComment: Parse<"commentMessage"> = ({ message, targetMessageKey }, scope) => {
  const { conversation, extendedTextMessage, imageMessage, videoMessage } = message ? unwrap(message).content : {};
  const text = conversation || extendedTextMessage?.text || imageMessage?.caption || videoMessage?.caption;
  return { kind: "comment", text: new Reader(scope).main(text), target: referenceOf(targetMessageKey) };
};

/** A comment that is encrypted with a key from the secret of its target. */
export const parseSealedComment: Parse<"encCommentMessage"> = ({ targetMessageKey }) => ({
  kind: "comment",
  text: null,
  target: referenceOf(targetMessageKey),
});
