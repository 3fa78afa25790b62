type Content = Record<string, unknown>;

/** Whether a message's content is this reaction. */
export function isReaction(content: Content, id: string, emoji: string): boolean {
  const reaction = content.reactionMessage as { key?: { ID?: string }; text?: string } | undefined;
  return reaction?.key?.ID === id && (reaction.text ?? "") === emoji;
}

/** Whether a message's content edits another message. */
export function isEditOf(content: Content, id: string, text: string): boolean {
  const protocol = content.protocolMessage as
    | { key?: { ID?: string }; editedMessage?: { conversation?: string; extendedTextMessage?: { text?: string } } }
    | undefined;
  const edited = protocol?.editedMessage;
  return protocol?.key?.ID === id && (edited?.conversation ?? edited?.extendedTextMessage?.text) === text;
}

/** Whether a message's content deletes another message for everyone. */
export function isRevokeOf(content: Content, id: string): boolean {
  const protocol = content.protocolMessage as { key?: { ID?: string }; type?: string } | undefined;
  return protocol?.key?.ID === id && protocol.type === "REVOKE";
}

/** The text of a message's content. */
export function textIn(content: Content): string | undefined {
  const extended = content.extendedTextMessage as { text?: string } | undefined;
  return (content.conversation as string | undefined) ?? extended?.text;
}
