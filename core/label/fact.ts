/** What WhatsApp's app state reports: a label, or whether a chat or message carries one. The last fact wins. */
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
      /** WhatsApp's id of the message; empty if the chat itself carries the label. */
      messageId: string;
      labeled: boolean;
    };
