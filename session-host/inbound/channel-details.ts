import { type BinaryNode, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import * as z from "zod";
import { boundCount, boundId, boundText, isJid, maxBytes, maxInteger } from "../../core/bound.ts";
import type { ChannelFact } from "../../core/channel/fact.ts";
import type { ChannelDetails } from "../../core/command/catalog/channel.ts";
import { unixSeconds } from "../baileys/address/jids.ts";

const jid = z.string().refine(isJid);
/** A number of things, or null if WhatsApp's value is not one. */
const count = z
  .unknown()
  .transform((value) => (value === null || value === undefined ? null : boundCount(value, maxInteger)));
const textSchema = z.object({ text: z.string().nullish() }).nullish();
const metadataSchema = z.object({
  id: jid,
  state: z.object({ type: z.string().nullish() }).nullish(),
  thread_metadata: z
    .object({
      name: textSchema,
      description: textSchema,
      invite: z.string().nullish(),
      creation_time: z.coerce.number().nullish(),
      subscribers_count: count,
      verification: z.string().nullish(),
    })
    .nullish(),
  viewer_metadata: z.object({ mute: z.string().nullish(), role: z.string().nullish() }).nullish(),
});

const roles: ReadonlyMap<string, ChannelDetails["role"]> = new Map([
  ["OWNER", "owner"],
  ["ADMIN", "admin"],
  ["SUBSCRIBER", "subscriber"],
]);

/**
 * Parses WhatsApp's metadata of a channel. Returns undefined for a deleted channel and for anything that is not
 * metadata.
 */
export function detailsOf(answer: unknown): ChannelDetails | undefined {
  const { data } = metadataSchema.safeParse(answer);
  if (!data || data.state?.type === "DELETED") return undefined;
  const { thread_metadata: thread, viewer_metadata: viewer } = data;
  return {
    id: data.id,
    name: boundText(thread?.name?.text ?? "", maxBytes.name) || null,
    description: boundText(thread?.description?.text ?? "", maxBytes.detail) || null,
    role: roles.get(viewer?.role ?? "") ?? "guest",
    muted: viewer?.mute === "ON",
    verified: thread?.verification === "VERIFIED",
    subscribers: thread?.subscribers_count ?? null,
    inviteCode: boundId(thread?.invite ?? "") || null,
    createdAt: thread?.creation_time ? new Date(unixSeconds(thread.creation_time) * 1000).toISOString() : null,
  };
}

/** Returns the fact to store about a channel. A channel that the account does not follow is not stored. */
export function factOf({ id: jid, role, createdAt, ...rest }: ChannelDetails): ChannelFact {
  if (role === "guest") return { jid, gone: true };
  return { jid, role, createdAt: createdAt === null ? null : new Date(createdAt), ...rest };
}

const updateSchema = z.object({
  xwa2_notify_newsletter_on_join: z.unknown().optional(),
  xwa2_notify_newsletter_on_leave: z.object({ id: jid }).optional(),
  xwa2_notify_newsletter_on_mute_change: z.object({ id: jid, mute: z.string() }).optional(),
  xwa2_notify_newsletter_on_state_change: z
    .object({ id: jid, state: z.object({ type: z.string() }).optional() })
    .optional(),
});

/** Returns what the owner changed about channels on another device. Baileys emits no events for these notifications. */
export function factsIn(stanza: BinaryNode): ChannelFact[] {
  return getBinaryNodeChildren(stanza, "update").flatMap(({ content }): ChannelFact[] => {
    const data = content instanceof Uint8Array ? updateSchema.safeParse(dataOf(content)).data : undefined;
    if (!data) return [];
    const joined = detailsOf(data.xwa2_notify_newsletter_on_join);
    const left = data.xwa2_notify_newsletter_on_leave;
    const mute = data.xwa2_notify_newsletter_on_mute_change;
    const state = data.xwa2_notify_newsletter_on_state_change;
    return [
      ...(joined ? [factOf({ ...joined, role: joined.role === "guest" ? "subscriber" : joined.role })] : []),
      ...(left ? [{ jid: left.id, gone: true as const }] : []),
      ...(mute ? [{ jid: mute.id, muted: mute.mute === "ON" }] : []),
      ...(state?.state?.type === "DELETED" ? [{ jid: state.id, gone: true as const }] : []),
    ];
  });
}

function dataOf(content: Uint8Array): unknown {
  try {
    return (JSON.parse(Buffer.from(content).toString()) as { data?: unknown }).data;
  } catch {
    // The notification is not JSON. Baileys logs this error.
    return undefined;
  }
}

/** Returns a text from a string, or from WhatsApp's object with a field `text`. Baileys passes on both forms. */
export function textOf(value: unknown): string | undefined {
  const text = typeof value === "string" ? value : (textSchema.safeParse(value).data?.text ?? undefined);
  return text === undefined ? undefined : boundText(text, maxBytes.detail);
}
