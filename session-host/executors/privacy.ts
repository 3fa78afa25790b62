import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { answerOf } from "./answer.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

type Settings = CommandOutput<"profile.getPrivacy">;

const audiences = {
  all: "everyone",
  contacts: "contacts",
  contact_blacklist: "contacts_except",
  none: "nobody",
} as const;
const people = { all: "everyone", contacts: "contacts" } as const;

/**
 * WhatsApp's category and values of each setting. Source: `PrivacySettingType` and `PrivacySetting` in whatsmeow's
 * types/user.go.
 */
const categories = {
  lastSeen: { name: "last", values: audiences },
  online: { name: "online", values: { all: "everyone", match_last_seen: "same_as_last_seen" } },
  picture: { name: "profile", values: audiences },
  about: { name: "status", values: audiences },
  readReceipts: { name: "readreceipts", values: { all: true, none: false } },
  groupAdd: { name: "groupadd", values: audiences },
  calls: { name: "calladd", values: { all: "everyone", known: "contacts" } },
  messages: { name: "messages", values: people },
} as const satisfies Record<keyof Settings, { name: string; values: Record<string, string | boolean> }>;

const names = Object.keys(categories) as (keyof Settings)[];

export async function getPrivacy({ sock }: ConnectedContext): Promise<Settings> {
  // Baileys keeps the settings of the first request, and uses them to decide about read receipts.
  const told = await answerOf(sock.fetchPrivacySettings(true));
  const entries = names.map((name) => {
    const category = categories[name];
    const values: Record<string, string | boolean> = category.values;
    return [name, values[told[category.name] ?? ""] ?? null];
  });
  return Object.fromEntries(entries) as Settings;
}

export async function setPrivacy(
  context: MutationContext,
  input: CommandInput<"profile.setPrivacy">,
): Promise<CommandOutput<"profile.setPrivacy">> {
  const { sock } = context;
  for (const name of names) {
    if (input[name] === undefined) continue;
    const category = categories[name];
    const value = Object.entries(category.values).find(([, ours]) => ours === input[name])?.[0];
    if (value === undefined) continue;
    await answerOf(
      sock.query({
        tag: "iq",
        attrs: { to: "s.whatsapp.net", type: "set", xmlns: "privacy" },
        content: [{ tag: "privacy", attrs: {}, content: [{ tag: "category", attrs: { name: category.name, value } }] }],
      }),
    );
  }
  return await getPrivacy(context);
}
