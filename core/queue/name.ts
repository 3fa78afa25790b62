/** The names of the queues, without `QUEUE_PREFIX`, and how long a received message stays hidden. */

export const eventQueue = "event.fifo";
/** Commands from integrators, see `core/ingress`. */
export const ingressQueue = "command-ingress.fifo";
export const commandQueue = (shard: number) => `command-${shard}.fifo`;

/**
 * How long messages stay hidden: six times the timeout of the webhook function, as AWS recommends for Lambda event
 * sources.
 */
export const eventVisibilitySeconds = 6 * 60;
/** Timeout of the ingress function. Messages stay hidden six times as long. */
export const ingressTimeoutSeconds = 30;
export const ingressVisibilitySeconds = 6 * ingressTimeoutSeconds;
/**
 * A host claims received commands within milliseconds. If the host dies first, the next host finds the commands in the
 * database.
 */
export const commandVisibilitySeconds = 20;

/** The name of a queue's dead-letter queue. */
export const deadLetterQueue = (name: string) => name.replace(/\.fifo$/, "-dead.fifo");

/** After being received this often without being removed, a message moves to the dead-letter queue. */
export const maxReceives = 5;

/** Timeout of the webhook function. */
export const webhookTimeoutSeconds = 60;
