import type * as z from "zod";
import * as action from "./action.ts";
import * as contact from "./contact.ts";
import * as instance from "./instance.ts";
import * as message from "./message.ts";

/** Every command, by name. The executors, the routes, the queue's schemas and the tests are derived from this. */
export const commandCatalog = {
  [message.sendText.name]: message.sendText,
  [message.sendMedia.name]: message.sendMedia,
  [action.remove.name]: action.remove,
  [action.edit.name]: action.edit,
  [action.react.name]: action.react,
  [action.markRead.name]: action.markRead,
  [action.setTyping.name]: action.setTyping,
  [contact.check.name]: contact.check,
  [instance.start.name]: instance.start,
  [instance.restart.name]: instance.restart,
  [instance.stop.name]: instance.stop,
  [instance.logout.name]: instance.logout,
  [instance.remove.name]: instance.remove,
  [instance.requestPairingCode.name]: instance.requestPairingCode,
};

export type CommandCatalog = typeof commandCatalog;
export type CommandName = keyof CommandCatalog;
export type CommandInput<Name extends CommandName> = z.output<CommandCatalog[Name]["input"]>;
export type CommandOutput<Name extends CommandName> = z.output<CommandCatalog[Name]["output"]>;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commandCatalog, name);
}
