import type * as z from "zod";

/** One thing that can happen. The webhook bodies of both dialects and the queue's schemas are derived from this. */
export interface EventDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  readonly type: Type;
  readonly summary: string;
  readonly data: Data;
  /** Fields of the data that hold secrets, sealed: they are not for those who read the log. */
  readonly sealed?: readonly string[];
}

export function defineEvent<const Type extends string, Data extends z.ZodType>(
  definition: EventDefinition<Type, Data>,
): EventDefinition<Type, Data> {
  return definition;
}
