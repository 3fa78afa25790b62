/** What happened to a message after it was sent: edit, deletion, pin, keep, reactions, answers. */
export type Fate = {
  edited: boolean;
  /** Deleted for everyone. */
  deleted: boolean;
  /** Pinned in its chat. */
  pinned: boolean;
  /** Kept although the messages of its chat disappear. */
  kept: boolean;
  /** One reaction per account. `from` is a phone-number JID. */
  reactions: { from: string; emoji: string }[];
  /** The latest answer of each person to a poll or a calendar event. */
  responses: Response[];
};

/**
 * An answer to a poll or a calendar event. `from` is a phone-number JID. `choices` are options of a poll, or one of `going`,
 * `notGoing` and `maybe`. `at` is in milliseconds since the epoch.
 */
export type Response = { from: string; choices: string[]; guests: number; at: number };

/** Returns the fate of a new message. */
export const untouched = (): Fate => ({
  ...{ edited: false, deleted: false, pinned: false, kept: false },
  ...{ reactions: [], responses: [] },
});

/** Sets the reaction of one account. An empty emoji removes it. */
export function applyReaction(target: Fate, from: string, emoji: string): void {
  target.reactions = target.reactions.filter((reaction) => reaction.from !== from);
  if (emoji) target.reactions.push({ from, emoji });
}

/** Sets the answer of one account, unless the account's current answer is equally new or newer. */
export function applyResponse(target: Fate, response: Response): void {
  const previous = target.responses.find(({ from }) => from === response.from);
  if (previous && previous.at >= response.at) return;
  target.responses = [...target.responses.filter((other) => other !== previous), response];
}
