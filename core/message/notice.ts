/** Types of rows in `messages` that WhatsApp's apps show as a notice, or not as a message of their own. */
export const noticeTypes: readonly string[] = [
  ...["reaction", "limitSharing", "memberLabel", "sharedHistory", "statusMention", "statusNotification"],
  "pollResult",
];
