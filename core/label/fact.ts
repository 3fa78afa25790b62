/** What the app state says about a label, or about something that may carry it. The last fact wins. */
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
      /** The JID in the app state. */
      chatId: string;
      /** WhatsApp's id of a message; empty if the whole chat is meant. */
      messageId: string;
      labeled: boolean;
    };
