/** The changes of a message since it was sent. */
export type Fate = {
  edited: boolean;
  /** Deleted for everyone. */
  deleted: boolean;
  /** One per person. `from` is a phone-number JID. */
  reactions: { from: string; emoji: string }[];
  /** The latest answer of each person to a poll or a calendar event. */
  responses: Response[];
};

/**
 * An answer to a poll or a calendar event. `from` is a phone-number JID. `choices` are options of a poll, or one of `going`,
 * `notGoing` and `maybe`. `at` is in milliseconds since the epoch.
 */
export type Response = { from: string; choices: string[]; guests: number; at: number };

export const untouched = (): Fate => ({ edited: false, deleted: false, reactions: [], responses: [] });

/** Replaces a person's reaction. An empty emoji removes it. */
export function applyReaction(target: Fate, from: string, emoji: string): void {
  target.reactions = target.reactions.filter((reaction) => reaction.from !== from);
  if (emoji) target.reactions.push({ from, emoji });
}

/** Replaces a person's answer, unless the current one is newer. */
export function applyResponse(target: Fate, response: Response): void {
  const before = target.responses.find(({ from }) => from === response.from);
  if (before && before.at >= response.at) return;
  target.responses = [...target.responses.filter((one) => one !== before), response];
}
