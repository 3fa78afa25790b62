/** Queues by name, behind the prefix of their stage, and how long each hides what somebody has taken. */

export const eventQueue = "event.fifo";
/** What others ask for, see `core/ingress`. */
export const ingressQueue = "command-ingress.fifo";
export const commandQueue = (shard: number) => `command-${shard}.fifo`;

/** Six times the webhook function's timeout, as AWS advises for an event source. */
export const eventVisibilitySeconds = 6 * 60;
/** What one run of the ingress function may take, and six times that. */
export const ingressTimeoutSeconds = 30;
export const ingressVisibilitySeconds = 6 * ingressTimeoutSeconds;
/** A host takes commands over within milliseconds. If it dies meanwhile, its successor finds them in the database. */
export const commandVisibilitySeconds = 20;

/** Every queue has a dead-letter queue beside it, of this name. */
export const deadLetterQueue = (name: string) => name.replace(/\.fifo$/, "-dead.fifo");

/** So often a message is received without being removed before it goes to the dead-letter queue. */
export const maxReceives = 5;

/** What one run of the webhook function may take. */
export const webhookTimeoutSeconds = 60;
