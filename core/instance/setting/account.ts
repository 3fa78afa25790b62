import { isIP } from "node:net";
import * as z from "zod";
import type { Config } from "../../config.ts";
import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import { createAddressPolicy } from "../../egress/address.ts";
import { notPublic } from "../../egress/connect.ts";
import { type ProxyServer, parseProxy, proxyWithoutPassword } from "../../egress/proxy.ts";
import { paceOf, paceSetting, shownPace } from "../../restriction/pace.ts";
import { retentionSetting } from "../../retention/setting.ts";
import { singleLine } from "../../text.ts";
import type { Instance } from "../index.ts";
import { instanceHistories, instancePresences } from "../instance.sql.ts";
import { incomingSettings, showIncomingSettings, shownIncomingSettings } from "./incoming.ts";

/** Which messages from before the link are imported. */
const history = z.enum(instanceHistories);
const presence = z.enum(instancePresences);

/** Accepts null or an empty string for "none". Forms send an empty string. An error has the text of the schema's error. */
const clearable = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .union([schema, z.literal("").transform(() => null), z.null()], {
      error: (issue) => (issue.code === "invalid_union" ? issue.errors[0]?.[0]?.message : undefined),
    })
    .optional();

const proxyUrl = z
  .string()
  .max(2048)
  .transform((text, context): ProxyServer => {
    const proxy = parseProxy(text);
    if (typeof proxy !== "string") return proxy;
    context.addIssue({ code: "custom", message: proxy });
    return z.NEVER;
  });

/** Longer than any name of an operating system, and short enough for a line on a phone. */
const deviceNameText = singleLine
  .trim()
  .min(1)
  .max(50)
  .refine((text) => text.isWellFormed(), "must be valid Unicode");

/**
 * The settings of an instance that concern its WhatsApp account, in the requests of both dialects. An omitted setting
 * keeps its value, or has the default in a new instance. Null is the default.
 */
export const accountSettings = z.object({
  history: history.nullish().meta({
    description:
      "Which messages from before the link are imported: none, recent (about three months) or full (about a year). The phone decides what it offers when it links the instance, so set this before. Default: none",
  }),
  retention: retentionSetting.optional(),
  presence: presence.nullish().meta({
    description:
      "Whether the account is shown online while the instance is connected: unavailable or available. While a linked device is available, WhatsApp sends no push notifications to the owner's phone. Default: unavailable",
  }),
  proxy: clearable(proxyUrl).meta({
    description:
      "URL of the proxy for all connections of the instance to WhatsApp: http, https or socks5, with credentials if the proxy needs them. Responses omit the password. A URL without a password keeps the stored password if nothing else changes. Empty or null: none",
  }),
  deviceName: clearable(deviceNameText).meta({
    description:
      "Name that the owner's phone shows under linked devices. WhatsApp learns the name when the device is linked, so set this before. Empty or null: the default",
  }),
  pace: paceSetting,
  ...incomingSettings,
});

export type AccountSettings = z.output<typeof accountSettings>;

/** The same settings in the responses of both dialects. */
export const shownAccountSettings = z.object({
  history,
  retention: retentionSetting,
  presence,
  /** Without the password. */
  proxy: z.string().nullable(),
  deviceName: z.string().nullable(),
  pace: shownPace,
  ...shownIncomingSettings,
});

export const showAccountSettings = (instance: Instance): z.input<typeof shownAccountSettings> => ({
  history: instance.history,
  retention: instance.retention,
  presence: instance.presence,
  proxy: instance.proxy,
  deviceName: instance.deviceName,
  pace: paceOf(instance.pace),
  ...showIncomingSettings(instance),
});

/**
 * Throws `url_not_allowed` if the proxy is an address that callers can't reach. The session host also checks the
 * addresses of names, when it connects.
 */
export function assertProxy({ EGRESS_ALLOW }: Pick<Config, "EGRESS_ALLOW">, { host }: ProxyServer): void {
  const mayReach = createAddressPolicy(EGRESS_ALLOW);
  // `localhost` and names below it are always loopback (RFC 6761, section 6.3).
  const isLocalName = /(^|\.)localhost\.?$/.test(host);
  if (isLocalName ? !mayReach("127.0.0.1") && !mayReach("::1") : isIP(host) !== 0 && !mayReach(host)) throw notPublic();
}

/** Converts the settings to columns. `id` is that of the instance. */
export function accountColumns(vault: Vault, id: string, { history, presence, proxy, ...plain }: AccountSettings) {
  return {
    ...plain,
    history: history === null ? instanceHistories[0] : history,
    presence: presence === null ? instancePresences[0] : presence,
    ...(proxy !== undefined && {
      proxy: proxy && proxyWithoutPassword(proxy),
      proxyPassword: proxy?.password ? vault.seal(Buffer.from(proxy.password), sealedPlace.proxyPassword(id)) : null,
    }),
  };
}

/**
 * Returns whether a proxy is the instance's proxy: with the same password, or without a password, as a response shows it.
 */
export function isSameProxy(vault: Vault, instance: Instance, proxy: ProxyServer | null | undefined): boolean {
  if (!proxy || proxyWithoutPassword(proxy) !== instance.proxy) return false;
  if (!proxy.password) return true;
  const { id, proxyPassword } = instance;
  return (
    proxyPassword !== null && vault.open(proxyPassword, sealedPlace.proxyPassword(id)).toString() === proxy.password
  );
}
