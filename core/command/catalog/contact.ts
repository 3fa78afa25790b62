import * as z from "zod";
import { isGroupJid, recipient } from "../../message/recipient.ts";
import { appStateErrors } from "./app-state-errors.ts";
import { defineCommand } from "./define.ts";

/**
 * WhatsApp checks many numbers at once, but an account that checks thousands looks like an account that collects
 * numbers.
 */
export const maxChecked = 50;

/** A phone number. Whether a LID or a group exists is not checked. */
export const checkable = recipient.refine(
  (jid) => jid.endsWith("@s.whatsapp.net"),
  "must be an international phone number",
);

export const check = defineCommand({
  name: "contact.check",
  kind: "query",
  summary: "Check whether phone numbers are on WhatsApp",
  input: z.object({ numbers: z.array(checkable).min(1).max(maxChecked) }),
  output: z.object({
    /** In the order of the request. */
    numbers: z.array(
      z.object({
        /** Digits, as requested. */
        phone: z.string(),
        exists: z.boolean(),
        /** WhatsApp's spelling of the number, which for some countries differs from the request. */
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
  summary: "Get the about text and the picture URL of a person",
  input: z.object({ who: person }),
  output: z.object({
    /** WhatsApp's JID of the person. */
    jid: z.string(),
    /** Null if the person has no about text or the account may not see it. */
    about: z.string().nullable(),
    /** A URL of WhatsApp, valid for some days. Null if there is no picture or the account may not see it. */
    pictureUrl: z.string().nullable(),
  }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});

export const picture = defineCommand({
  name: "contact.picture",
  kind: "query",
  summary: "Get the URL of the picture of a person or a group",
  input: z.object({
    /** A person or a group. */
    who: recipient,
    /** `preview` is a small picture, of 96 by 96 pixels. */
    size: z.enum(["full", "preview"]).default("full"),
  }),
  output: z.object({
    /** WhatsApp's JID of the person or the group. */
    jid: z.string(),
    /** A URL of WhatsApp, valid for some days. Null if there is no picture or the account may not see it. */
    pictureUrl: z.string().nullable(),
  }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});

export const blocked = defineCommand({
  name: "contact.blocked",
  kind: "query",
  summary: "List the people that the account blocks",
  input: z.object({}),
  output: z.object({
    people: z.array(
      z.object({
        /** Digits. Null if only the LID is known. */
        phoneNumber: z.string().nullable(),
        jid: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
  }),
  errors: ["whatsapp_error"],
});

export const setBlocked = defineCommand({
  name: "contact.setBlocked",
  kind: "mutate",
  summary: "Block or unblock a person. Messages from a blocked person do not arrive",
  input: z.object({ who: person, blocked: z.boolean() }),
  /** WhatsApp's JID of the person. */
  output: z.object({ jid: z.string() }),
  errors: ["recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
  repeatable: true,
});

/** The longest name, in characters. Address books show fewer. */
const maxContactName = 100;

export const setName = defineCommand({
  name: "contact.setName",
  kind: "mutate",
  summary: "Add a person to the address book of the phone, or change the person's name there",
  input: z.object({ who: person, name: z.string().trim().min(1).max(maxContactName) }),
  output: z.object({ jid: z.string(), lid: z.string().nullable() }),
  errors: ["recipient_not_on_whatsapp", "contact_not_found", ...appStateErrors],
  repeatable: true,
});

export const resolveLid = defineCommand({
  name: "contact.resolveLid",
  kind: "query",
  summary: "Get the LID of a phone number, or the phone number of a LID",
  /**
   * WhatsApp returns the LID of a number on request. WhatsApp reports the number of a LID only with messages, groups
   * and the address book, so the session knows the number only of such LIDs.
   */
  input: z.object({ who: person }),
  /** Null if unknown. */
  output: z.object({ jid: z.string().nullable(), lid: z.string().nullable() }),
  errors: ["whatsapp_error"],
});
