import type * as z from "zod";
import type { Database } from "../../db/index.ts";
import type { ErrorCode } from "../../error.ts";

/**
 * `send`: sends a message. The caller gets a response when the command is accepted. The command is done when WhatsApp
 * acknowledges the message. `mutate`: changes something. The caller waits for the result. Commands of an instance run
 * in order. `query`: reads something. A query waits for no other command.
 */
export type CommandKind = "send" | "mutate" | "query";

/** How a message appears in the history until WhatsApp has the message. */
export interface MessagePreview {
  /** JID of the chat. */
  to: string;
  /** Kind of content. */
  type: string;
  /** Field of WhatsApp's `proto.Message` that has the content. */
  protoType: string;
  body: string;
  /** The WhatsApp message id that the caller chose, if any. */
  messageId?: string | undefined;
}

export interface PrecheckContext {
  db: Database;
  instanceId: string;
}

/** The declaration of a command. The executor, the endpoints and the queue schemas are derived from it. */
export interface CommandDefinition<
  Name extends string = string,
  Kind extends CommandKind = CommandKind,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
  Checked = unknown,
> {
  readonly name: Name;
  readonly kind: Kind;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  /** Errors in addition to those that every command can end with. */
  readonly errors: readonly ErrorCode[];
  /** Whether the command works while the instance is not connected. */
  readonly offline: boolean;
  /**
   * Whether running the command twice has the same effect as running it once. A new host reruns only repeatable
   * commands that its predecessor began.
   */
  readonly repeatable: boolean;
  /** Whether the output is a credential. Such an output is stored encrypted. */
  readonly secret: boolean;
  /**
   * Checks the command against the database before it is accepted. Returns the data that `preview` needs. Throws an
   * `AppError`.
   */
  precheck?(context: PrecheckContext, input: z.output<Input>): Promise<Checked>;
  /**
   * Returns what is stored with the input, because it must be as it was when the command was accepted. The executor gets
   * both. A command of an older version may lack it.
   */
  fix?(context: PrecheckContext, input: z.output<Input>): Promise<object>;
  /** Present for every send, and for no other command. */
  preview?(input: z.output<Input>, checked: Checked): MessagePreview;
}

/** A command that sends a message. */
export interface SendDefinition<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
  Checked = unknown,
> extends CommandDefinition<Name, "send", Input, Output, Checked> {
  preview(input: z.output<Input>, checked: Checked): MessagePreview;
}

/** The properties that a declaration may omit. */
type Defaulted = "offline" | "repeatable" | "secret";
type Declaration<Definition extends Record<Defaulted, boolean>> = Omit<Definition, Defaulted> &
  Partial<Pick<Definition, Defaulted>>;

export function defineCommand<
  const Name extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
  Checked = undefined,
>(definition: Declaration<SendDefinition<Name, Input, Output, Checked>>): SendDefinition<Name, Input, Output, Checked>;
export function defineCommand<
  const Name extends string,
  const Kind extends "mutate" | "query",
  Input extends z.ZodType,
  Output extends z.ZodType,
>(
  definition: Declaration<Omit<CommandDefinition<Name, Kind, Input, Output>, "precheck" | "preview">>,
): CommandDefinition<Name, Kind, Input, Output>;
export function defineCommand(definition: Declaration<CommandDefinition>): CommandDefinition {
  const repeatable = definition.repeatable ?? definition.kind !== "mutate";
  return { ...definition, offline: definition.offline ?? false, repeatable, secret: definition.secret ?? false };
}
