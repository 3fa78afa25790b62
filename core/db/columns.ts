import { customType, timestamp } from "drizzle-orm/pg-core";

/** Bytes. Ciphertexts always have this type, so that no secret is mistaken for text. */
export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });

/** An instant with time zone, to the microsecond, read as a `Date`. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });
