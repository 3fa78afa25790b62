import type * as z from "zod";

/**
 * The declaration of a kind of content. Its schema is a part of the field `content` in events, webhook bodies and
 * histories. A missing value is null, and a missing list is empty.
 */
export interface ContentDefinition<Kind extends string = string, Schema extends z.ZodObject = z.ZodObject> {
  readonly kind: Kind;
  readonly summary: string;
  readonly schema: Schema;
  /** Returns the line of text for the documented field `body`. */
  readonly text: (content: z.output<Schema>) => string;
  /**
   * Returns the fields of the protobuf that a client of Baileys looks for, for the field `message` of the Gateway
   * dialect: `{ degreesLatitude: 52.52 }` for the field `locationMessage`.
   */
  readonly protobuf?: (content: z.output<Schema>) => Record<string, unknown>;
}

export function defineContent<const Kind extends string, Schema extends z.ZodObject>(
  definition: ContentDefinition<Kind, Schema>,
): ContentDefinition<Kind, Schema> {
  return definition;
}
