/** The names of the queues, without `QUEUE_PREFIX`, and how long a received message stays hidden. */

export const eventQueue = "event.fifo";
/** Commands from integrators, see `core/ingress`. */
export const ingressQueue = "command-ingress.fifo";
export const commandQueue = (shard: number) => `command-${shard}.fifo`;

/**
 * How long messages stay hidden before a function starts with them: six times the timeout of the webhook function, as
 * AWS recommends for Lambda event sources. A function that runs shortens the time, see `whileHidden`.
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

/**
 * After being received this often without being removed, a message moves to the dead-letter queue. Functions retry
 * every few seconds (`retrySeconds`), so that they continue soon after an outage of the database. They retry for half
 * an hour, so that no event and no command from SQS is lost in a shorter outage.
 */
export const maxReceives = (name: string) => (name === eventQueue || name === ingressQueue ? 200 : 5);

/** The pause before a message that a function failed to process is delivered again, in seconds. */
export const retrySeconds = (receiveCount: number) => Math.min(2 ** (receiveCount - 1), 10);

/** Timeout of the webhook function. */
export const webhookTimeoutSeconds = 60;
