import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";

/** The line of the mutations. A mutation that is tried again after a pause holds the later ones. */
export const mutationLine = "mutations";

/**
 * Returns the lines in which a command waits. Commands in the same line keep their order: the sends to a chat, a send
 * and what changes its message, and the changes of a group or of the own profile.
 */
export function linesOf(command: OrderedCommand): string[] {
  const { input } = command;
  const about = "messageId" in input && input.messageId !== undefined ? [`message ${input.messageId}`] : [];
  if (isSend(command)) return [`chat ${command.chatId}`, `message ${command.waId}`, ...about];
  if ("messageIds" in input) about.push(...(input.messageIds ?? []).map((id) => `message ${id}`));
  if ("group" in input) about.push(`target ${input.group}`);
  if (command.name.startsWith("profile.")) about.push("target profile");
  return [mutationLine, ...about];
}
