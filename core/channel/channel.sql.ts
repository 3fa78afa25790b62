import { boolean, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

export const channelRoles = ["subscriber", "admin", "owner"] as const;
export type ChannelRole = (typeof channelRoles)[number];

/**
 * The channels that an account follows or runs, as WhatsApp reports them. Baileys has no function that lists these
 * channels.
 */
export const channels = pgTable(
  "channels",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** `…@newsletter` */
    jid: text().notNull(),
    name: text(),
    description: text(),
    role: text({ enum: channelRoles }).notNull(),
    muted: boolean().notNull().default(false),
    /** When a temporary mute ends. The session host then unmutes the channel. */
    mutedUntil: instant("muted_until"),
    verified: boolean().notNull().default(false),
    subscribers: integer(),
    /** The code in `https://whatsapp.com/channel/…`. */
    inviteCode: text("invite_code"),
    createdAt: instant("created_at"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.jid] }),
    index("channels_muted_until").on(table.mutedUntil),
  ],
);
