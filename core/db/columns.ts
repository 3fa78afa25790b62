import { customType, timestamp } from "drizzle-orm/pg-core";

/** Bytes. Ciphertexts always have this type, so that no secret is mistaken for text. */
export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });

/** `timestamptz`, which has microseconds. It is read as a `Date`, which has milliseconds. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });
