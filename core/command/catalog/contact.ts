import * as z from "zod";
import { isGroupJid, recipient } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";

/** WhatsApp answers for many numbers at once; who asks for thousands is taken for somebody who collects them. */
export const maxChecked = 50;

/** Only phone numbers: WhatsApp is not asked whether a LID or a group exists. */
export const checkable = recipient.refine(
  (jid) => jid.endsWith("@s.whatsapp.net"),
  "must be an international phone number",
);

export const check = defineCommand({
  name: "contact.check",
  kind: "query",
  summary: "Ask WhatsApp whether phone numbers are on it",
  input: z.object({ numbers: z.array(checkable).min(1).max(maxChecked) }),
  output: z.object({
    /** In the order of the question. */
    numbers: z.array(
      z.object({
        /** Digits, as they were asked. */
        phone: z.string(),
        exists: z.boolean(),
        /** WhatsApp's own spelling, which for some countries is not the one that was asked. */
        jid: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
  }),
  errors: ["whatsapp_error"],
});

/** A person, by phone number or LID. */
export const person = recipient.refine((jid) => !isGroupJid(jid), "must be a person");

export const about = defineCommand({
  name: "contact.about",
  kind: "query",
  summary: "What a person says about themselves, and where their picture is",
  input: z.object({ who: person }),
  output: z.object({
    /** WhatsApp's own JID of the person. */
    jid: z.string(),
    /** Null where there is none, or it is not for us to see. */
    about: z.string().nullable(),
    /** On WhatsApp's servers, for some days; null where there is none, or it is not for us to see. */
    pictureUrl: z.string().nullable(),
  }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});

export const setBlocked = defineCommand({
  name: "contact.setBlocked",
  kind: "mutate",
  summary: "Block a person, whose messages then no longer arrive, or lift that",
  input: z.object({ who: person, blocked: z.boolean() }),
  /** WhatsApp's own JID of the person. */
  output: z.object({ jid: z.string() }),
  errors: ["recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
  repeatable: true,
});

/** Longer than what address books show. */
const maxContactName = 100;

export const setName = defineCommand({
  name: "contact.setName",
  kind: "mutate",
  summary: "Put a person into the address book of the phone, or change how they are called there",
  input: z.object({ who: person, name: z.string().trim().min(1).max(maxContactName) }),
  output: z.object({ jid: z.string(), lid: z.string().nullable() }),
  errors: ["recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
  repeatable: true,
});

export const resolveLid = defineCommand({
  name: "contact.resolveLid",
  kind: "query",
  summary: "Which LID stands for a phone number, or which phone number is behind a LID",
  /**
   * WhatsApp can be asked for the LID of a number. The number of a LID it tells only of itself, with messages, groups and the
   * address book: of those the session knows.
   */
  input: z.object({ who: person }),
  /** Null where it is not known. */
  output: z.object({ jid: z.string().nullable(), lid: z.string().nullable() }),
  errors: ["whatsapp_error"],
});
