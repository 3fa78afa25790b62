/**
 * What WhatsApp's app state reports: a label, or whether a chat or message has a label. The last fact about a label,
 * chat or message applies.
 */
export type LabelFact =
  | {
      kind: "label";
      labelId: string;
      /** May be empty for a deleted label. */
      name: string;
      color: number;
      predefinedId: string | null;
      deleted: boolean;
    }
  | {
      kind: "target";
      labelId: string;
      /** The JID as in the app state: phone number, LID or group. */
      chatId: string;
      /** WhatsApp's id of the message; empty if the chat itself has the label. */
      messageId: string;
      labeled: boolean;
    };
