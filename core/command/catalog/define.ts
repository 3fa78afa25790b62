import type * as z from "zod";
import type { ErrorCode } from "../../error.ts";

/**
 * `send`: a message; answered when it is accepted, done when WhatsApp acknowledges it.
 * `mutate`: changes something; the caller waits for its result, in the order of the instance.
 * `query`: reads; waits behind nothing.
 */
export type CommandKind = "send" | "mutate" | "query";

/** One thing that can be done on WhatsApp. Everything else about it is derived from this. */
export interface CommandDefinition<
  Name extends string = string,
  Kind extends CommandKind = CommandKind,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: Name;
  readonly kind: Kind;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  /** What may go wrong beyond what every command can answer. */
  readonly errors: readonly ErrorCode[];
  /** Whether it makes sense while the instance is not connected. */
  readonly offline: boolean;
  /** Whether doing it twice is as good as once: decides what a new host does with one that its predecessor had begun. */
  readonly repeatable: boolean;
  /** Whether the output is a credential: then it rests encrypted. */
  readonly secret: boolean;
}

export function defineCommand<
  const Name extends string,
  const Kind extends CommandKind,
  Input extends z.ZodType,
  Output extends z.ZodType,
>(
  definition: Omit<CommandDefinition<Name, Kind, Input, Output>, "offline" | "repeatable" | "secret"> & {
    offline?: boolean;
    repeatable?: boolean;
    secret?: boolean;
  },
): CommandDefinition<Name, Kind, Input, Output> {
  const repeatable = definition.repeatable ?? definition.kind !== "mutate";
  return { ...definition, offline: definition.offline ?? false, repeatable, secret: definition.secret ?? false };
}
