import * as z from "zod";
import { uploadId } from "../../media/index.ts";
import { defineCommand } from "./define.ts";

const nothing = z.object({});

/** Characters that WhatsApp's own apps let one write. */
export const maxProfileName = 25;
export const maxAbout = 139;

const characters = (most: number) => (value: string) => [...value].length <= most;

export const get = defineCommand({
  name: "profile.get",
  kind: "query",
  summary: "How the account shows itself to others",
  input: nothing,
  output: z.object({
    /** Digits. */
    phoneNumber: z.string(),
    jid: z.string(),
    lid: z.string().nullable(),
    name: z.string().nullable(),
    about: z.string().nullable(),
    /** On WhatsApp's servers, for some days. */
    pictureUrl: z.string().nullable(),
  }),
  errors: ["whatsapp_error"],
});

export const setName = defineCommand({
  name: "profile.setName",
  kind: "mutate",
  summary: "Change the name that the account shows to others",
  input: z.object({
    name: z.string().trim().min(1).refine(characters(maxProfileName), `must be at most ${maxProfileName} characters`),
  }),
  output: nothing,
  errors: ["whatsapp_error"],
  repeatable: true,
});

export const setAbout = defineCommand({
  name: "profile.setAbout",
  kind: "mutate",
  summary: "Change what the account says about itself",
  input: z.object({
    about: z.string().refine(characters(maxAbout), `must be at most ${maxAbout} characters`),
  }),
  output: nothing,
  errors: ["whatsapp_error"],
  repeatable: true,
});

/** A picture goes in one stanza; what WhatsApp's apps make of one, 640 pixels square, has some 100 kB. */
export const maxPictureBytes = 1_048_576;

export const setPicture = defineCommand({
  name: "profile.setPicture",
  kind: "mutate",
  summary: "Change the account's picture to a JPEG of at most 1 MiB, which WhatsApp shows cut to a square",
  input: z
    .object({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** In place of `url`: a file that was uploaded for this instance, see `core/media/upload.ts`. */
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
  summary: "Take the account's picture away",
  input: nothing,
  output: nothing,
  errors: ["whatsapp_error"],
  repeatable: true,
});
