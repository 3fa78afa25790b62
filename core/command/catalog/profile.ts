import * as z from "zod";
import { uploadId } from "../../media/index.ts";
import { appStateErrors } from "./app-state-errors.ts";
import { defineCommand } from "./define.ts";

const nothing = z.object({});

/** Characters. The limits of WhatsApp's apps. */
const maxProfileName = 25;
const maxAbout = 139;

/** Counts characters as people do, not UTF-16 code units. */
const isUpTo = (max: number) => (value: string) => value.length <= 2 * max && [...value].length <= max;

export const get = defineCommand({
  name: "profile.get",
  kind: "query",
  summary: "Get the profile of the account, as others see it",
  input: nothing,
  output: z.object({
    /** Digits. */
    phoneNumber: z.string(),
    jid: z.string(),
    lid: z.string().nullable(),
    name: z.string().nullable(),
    about: z.string().nullable(),
    /** A URL of WhatsApp, valid for some days. */
    pictureUrl: z.string().nullable(),
  }),
  errors: ["whatsapp_error"],
});

export const setName = defineCommand({
  name: "profile.setName",
  kind: "mutate",
  summary: "Change the profile name of the account",
  input: z.object({
    name: z.string().trim().min(1).refine(isUpTo(maxProfileName), `must be at most ${maxProfileName} characters`),
  }),
  output: nothing,
  errors: appStateErrors,
  repeatable: true,
});

export const setAbout = defineCommand({
  name: "profile.setAbout",
  kind: "mutate",
  summary: "Change the about text of the account",
  input: z.object({
    about: z.string().refine(isUpTo(maxAbout), `must be at most ${maxAbout} characters`),
  }),
  output: nothing,
  errors: ["whatsapp_error"],
  repeatable: true,
});

/** Bytes. A picture must fit into one stanza. WhatsApp's apps make pictures of 640 by 640 pixels with about 100 kB. */
export const maxPictureBytes = 1_048_576;

export const setPicture = defineCommand({
  name: "profile.setPicture",
  kind: "mutate",
  summary: "Set the picture of the account: a JPEG of at most 1 MiB, which WhatsApp crops to a square",
  input: z
    .object({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** Instead of `url`: a file that was uploaded for this instance. See `core/media/upload.ts`. */
      upload: uploadId.optional(),
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload"),
  output: nothing,
  errors: ["whatsapp_error", "url_not_allowed", "media_not_usable", "payload_too_large", "not_supported"],
  repeatable: true,
});

export const removePicture = defineCommand({
  name: "profile.removePicture",
  kind: "mutate",
  summary: "Remove the picture of the account",
  input: nothing,
  output: nothing,
  errors: ["whatsapp_error"],
  repeatable: true,
});

/** `contacts_except` is all contacts except the people on a list. Only the phone can show and change the list. */
const audience = z.enum(["everyone", "contacts", "contacts_except", "nobody"]);
const settable = audience.exclude(["contacts_except"]);

/**
 * The values that WhatsApp knows for each setting. Source: `PrivacySettings` in whatsmeow's types/user.go, and
 * `WAPrivacyValue` and its neighbors in Baileys' Types/Chat.ts.
 */
const privacy = {
  /** Who sees when the account was online last. */
  lastSeen: settable,
  /** Who sees that the account is online. */
  online: z.enum(["everyone", "same_as_last_seen"]),
  picture: settable,
  about: settable,
  /** Whether others see that the account has read a message. */
  readReceipts: z.boolean(),
  /** Who can add the account to a group. Everybody else has to send an invitation. */
  groupAdd: settable.exclude(["nobody"]),
  /** Who can call the account. */
  calls: z.enum(["everyone", "contacts"]),
  /** Who can write to the account. */
  messages: z.enum(["everyone", "contacts"]),
};

export const getPrivacy = defineCommand({
  name: "profile.getPrivacy",
  kind: "query",
  summary: "Get the privacy settings of the account",
  input: nothing,
  /** Null for a value that this version does not know. */
  output: z.object({
    lastSeen: audience.nullable(),
    online: privacy.online.nullable(),
    picture: audience.nullable(),
    about: audience.nullable(),
    readReceipts: z.boolean().nullable(),
    groupAdd: audience.nullable(),
    calls: privacy.calls.nullable(),
    messages: audience.nullable(),
  }),
  errors: ["whatsapp_error"],
});

export const setPrivacy = defineCommand({
  name: "profile.setPrivacy",
  kind: "mutate",
  summary: "Change privacy settings of the account. Settings that are absent stay as they are",
  input: z
    .object(privacy)
    .partial()
    .refine((input) => Object.values(input).some((value) => value !== undefined), "give at least one setting"),
  output: getPrivacy.output,
  errors: ["forbidden", "whatsapp_error"],
  repeatable: true,
});
