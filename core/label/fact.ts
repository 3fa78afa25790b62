/** What the app state says of one label, or of one thing that may carry it. The last word counts. */
export type LabelFact =
  | {
      kind: "label";
      labelId: string;
      /** May be empty of one that is deleted. */
      name: string;
      color: number;
      predefinedId: string | null;
      deleted: boolean;
    }
  | {
      kind: "target";
      labelId: string;
      /** JID, as the app state spells it. */
      chatId: string;
      /** WhatsApp's id of a message; empty where the whole chat is meant. */
      messageId: string;
      labeled: boolean;
    };
