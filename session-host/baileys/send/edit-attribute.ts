/**
 * Values of the attribute `edit` of a `message` stanza (whatsmeow, `types/message.go`, `EditAttribute`). An edited or
 * deleted channel post keeps its id.
 */
export const editAttribute = {
  messageEdit: "1",
  postEdit: "3",
  /** Deletes a message of the account, or removes its reaction. */
  ownDeletion: "7",
  /** Deletes another person's message as a group admin. */
  adminDeletion: "8",
  /** Deletes a channel post. */
  postDeletion: "8",
} as const;
