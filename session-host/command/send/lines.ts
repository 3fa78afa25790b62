import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";
import { isSlow } from "./preparing.ts";

/** The line of the mutations. A mutation that is tried again after a pause holds the later ones. */
export const mutationLine = "mutations";

/** The fields of inputs that name the chat, person, group or channel that a mutation is about. */
const subjectFields = ["to", "chat", "who", "group", "community", "channel"];

/**
 * Returns the lines in which a command waits. Commands in the same line keep their order: the sends to a chat, a send
 * and the later changes of its chat, person, group or channel, a send and what changes its message, and the changes of the
 * own profile. A change of a message waits only for that message.
 */
export function linesOf(command: OrderedCommand): string[] {
  const { input } = command;
  const about = "messageId" in input && input.messageId !== undefined ? [`message ${input.messageId}`] : [];
  if (isSend(command))
    return [`sends ${command.chatId}`, `chat ${command.chatId}`, `message ${command.waId}`, ...about];
  if ("messageIds" in input) about.push(...(input.messageIds ?? []).map((id) => `message ${id}`));
  if (about.length === 0) for (const subject of subjectsOf(input)) about.push(`chat ${subject}`, `target ${subject}`);
  if (command.name.startsWith("profile.")) about.push("target profile");
  return [mutationLine, ...about];
}

/**
 * Returns the lines in which a command holds later ones. A picture of a group that loads slowly holds the changes of the
 * group, and not the messages to the group. A send that waits for the pace (`isPaced`) holds the sends to its chat and the
 * changes of its message, and not the changes of the chat, because it may wait for hours.
 */
export function heldLinesOf(command: OrderedCommand, isPaced = false): string[] {
  const lines = linesOf(command);
  const holdsChat = isSend(command) ? !isPaced : !isSlow(command);
  return holdsChat ? lines : lines.filter((line) => !line.startsWith("chat "));
}

/** Whether a send waits in these held lines for nothing but earlier sends that wait for the pace. */
export const isBehindPace = (command: OrderedCommand, held: ReadonlySet<string>): boolean =>
  held.has(`sends ${command.chatId}`) && !held.has(`chat ${command.chatId}`);

const subjectsOf = (input: object): string[] =>
  Object.entries(input).flatMap(([field, value]) =>
    subjectFields.includes(field) && typeof value === "string" ? [value] : [],
  );
