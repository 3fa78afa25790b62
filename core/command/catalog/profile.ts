import * as z from "zod";
import { uploadId } from "../../media/index.ts";
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
  errors: ["whatsapp_error"],
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
