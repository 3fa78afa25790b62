/** Everything that a run leaves behind, as the checker reads it. All times are milliseconds of the database's clock. */
export interface RunRecord {
  /** A text or an image that a person sent to an instance. */
  inbound: Inbound[];
  /** Sends that the gateway accepted, over REST or SQS. */
  accepted: Accepted[];
  /** Messages that the phones show. A phone shows a repeated message id once, and counts the copies. */
  shown: Shown[];
  /** The event log of all instances. */
  events: LoggedEvent[];
  /** Requests to the webhook receiver. */
  webhooks: ReceivedWebhook[];
  /** What arrived on the event queue of an instance, in order of arrival. */
  sinks: Sink[];
  commands: CommandEnd[];
  /** The history: messages with their status, and the state of their file. */
  messages: StoredMessage[];
  sockets: SocketHistory[];
  /** Final replies to the sends over SQS. */
  replies: Reply[];
  faults: InjectedFault[];
  /** What the simulated WhatsApp or a phone did not understand. */
  complaints: string[];
  /** Requests that the gateway did not accept although they were repeated. */
  refusals: string[];
}

export interface Inbound {
  instance: string;
  messageId: string;
  text: string;
  at: number;
  media: boolean;
}

export interface Accepted {
  instance: string;
  /** Null for a text of a bulk, whose response has no ids: the history has the message by its text. */
  messageId: string | null;
  text: string;
  /** The recipient's phone number. */
  to: string;
  at: number;
  /** The request id of a send over SQS. Null for REST. */
  requestId: string | null;
}

export interface Shown {
  phone: string;
  /** The phone number of the sender. */
  from: string;
  messageId: string;
  text: string;
  copies: number;
  at: number;
  read: boolean;
}

export interface LoggedEvent {
  instance: string;
  id: string;
  seq: number;
  type: string;
  messageId: string | null;
  at: number;
}

export interface ReceivedWebhook {
  eventId: string;
  /** A hash of the body. */
  body: string;
  at: number;
  /** The status that the receiver returned. 0 if it returned none. */
  status: number;
}

export interface Sink {
  instance: string;
  events: { id: string; seq: number; body: string }[];
}

export interface CommandEnd {
  id: string;
  instance: string;
  name: string;
  messageId: string | null;
  status: string;
  error: string | null;
  /** When the command was accepted or, for a scheduled one, due. */
  dueAt: number;
  finishedAt: number | null;
}

export interface StoredMessage {
  instance: string;
  messageId: string;
  text: string;
  fromMe: boolean;
  status: string;
  file: string | null;
}

export interface SocketHistory {
  instance: string;
  history: { at: number; event: "open" | "close" | "replaced"; open: number }[];
}

export interface Reply {
  requestId: string;
  status: string;
  at: number;
}

/** A fault that was injected. */
export interface InjectedFault {
  kind: string;
  /** The instances that the fault affects. */
  instances: string[];
  startedAt: number;
  /** When the fault's cause was gone: the process runs again, the link is back. */
  healedAt: number;
  /** Time after `healedAt` within which everything must be done, in milliseconds. */
  boundMs: number;
  /** Whether two open sockets of these instances are expected, because the older one belongs to a frozen process or link. */
  twoSockets: boolean;
  /** When everything that was under way at `healedAt` was done. Null if it was not done before the run ended. */
  recoveredAt: number | null;
}
