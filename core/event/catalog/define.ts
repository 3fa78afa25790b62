import type * as z from "zod";

/**
 * The declaration of an event type. The webhook bodies of both dialects and the schemas of the queue are derived from
 * it.
 */
export interface EventDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  readonly type: Type;
  readonly summary: string;
  readonly data: Data;
  /** Fields of the data that contain sealed secrets. Readers of the event log do not get these fields. */
  readonly sealed?: readonly string[];
}

export function defineEvent<const Type extends string, Data extends z.ZodType>(
  definition: EventDefinition<Type, Data>,
): EventDefinition<Type, Data> {
  return definition;
}
