/** The properties of an object, where those that may be undefined are optional instead. */
export type Defined<Properties extends object> = {
  [Key in keyof Properties as undefined extends Properties[Key] ? never : Key]: Properties[Key];
} & {
  [Key in keyof Properties as undefined extends Properties[Key] ? Key : never]?: Exclude<Properties[Key], undefined>;
};

/**
 * Returns the object without the properties that are undefined, for targets whose optional properties must be absent rather
 * than undefined (`exactOptionalPropertyTypes`).
 * @example { type, ...defined({ name, caption: caption || undefined }) }
 */
export function defined<Properties extends object>(properties: Properties): Defined<Properties> {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== undefined),
  ) as Defined<Properties>;
}
