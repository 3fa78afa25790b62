import * as z from "zod";
import { person } from "./contact.ts";
import { defineCommand } from "./define.ts";

/** The account that the request is about. The default is the account of the instance. */
const who = person.optional();

/** Minutes since midnight. */
const minute = z.int().min(0).max(1440);

const day = z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);

export const businessHours = z.object({
  /** IANA name, such as `Asia/Jakarta`. */
  timezone: z.string().min(1).max(64),
  days: z
    .array(
      z
        .object({
          day,
          mode: z.enum(["specific_hours", "open_24h", "appointment_only"]),
          open: minute.optional(),
          close: minute.optional(),
        })
        .refine(
          ({ mode, open, close }) => (mode === "specific_hours") === (open !== undefined && close !== undefined),
          "open and close belong to the mode specific_hours",
        ),
    )
    .max(14),
});

/** Characters. The limits of WhatsApp's Business Platform (Cloud API, "Business profiles"). */
const texts = {
  address: z.string().max(256),
  description: z.string().max(512),
  email: z.union([z.literal(""), z.email().max(128)]),
  websites: z.array(z.url({ protocol: /^https?$/ }).max(256)).max(2),
};

export const getProfile = defineCommand({
  name: "business.getProfile",
  kind: "query",
  summary: "Get the business profile of a person, or of the account itself",
  input: z.object({ who }),
  output: z.object({
    jid: z.string(),
    /** Null if the account is not a business account. */
    profile: z
      .object({
        description: z.string().nullable(),
        category: z.string().nullable(),
        address: z.string().nullable(),
        email: z.string().nullable(),
        websites: z.array(z.string()),
        hours: z
          .object({
            timezone: z.string().nullable(),
            days: z.array(
              z.object({
                day: z.string(),
                mode: z.string(),
                /** Minutes since midnight. */
                open: z.number().nullable(),
                close: z.number().nullable(),
              }),
            ),
          })
          .nullable(),
      })
      .nullable(),
  }),
  errors: ["recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
});

export const setProfile = defineCommand({
  name: "business.setProfile",
  kind: "mutate",
  summary: "Change the business profile of the account. Fields that are absent stay as they are",
  input: z
    .object({ ...texts, hours: businessHours })
    .partial()
    .refine((input) => Object.values(input).some((value) => value !== undefined), "give at least one field"),
  output: z.object({}),
  errors: ["not_a_business", "forbidden", "whatsapp_error"],
  repeatable: true,
});

const amount = {
  /** In thousandths of the currency, as WhatsApp counts. Null if there is no price. */
  price: z.number().nullable(),
  /** ISO 4217. */
  currency: z.string().nullable(),
};

const product = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  ...amount,
  /** The id that the business gave the product. */
  retailerId: z.string().nullable(),
  url: z.string().nullable(),
  /** A URL of WhatsApp, valid for some days. */
  imageUrl: z.string().nullable(),
  hidden: z.boolean(),
});

/** The most products in one answer. WhatsApp's clients ask for 10 to 100. */
export const maxProducts = 100;

export const catalog = defineCommand({
  name: "business.catalog",
  kind: "query",
  summary: "List the products in the catalog of a business",
  input: z.object({
    who,
    limit: z.int().min(1).max(maxProducts).default(10),
    /** `nextCursor` of the previous answer. */
    cursor: z.string().min(1).max(2048).optional(),
  }),
  output: z.object({ products: z.array(product), nextCursor: z.string().nullable() }),
  errors: ["not_a_business", "recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
});

export const collections = defineCommand({
  name: "business.collections",
  kind: "query",
  summary: "List the collections in the catalog of a business, with their products",
  input: z.object({ who, limit: z.int().min(1).max(maxProducts).default(50) }),
  output: z.object({
    collections: z.array(z.object({ id: z.string(), name: z.string(), products: z.array(product) })),
  }),
  errors: ["not_a_business", "recipient_not_on_whatsapp", "contact_not_found", "whatsapp_error"],
});

export const order = defineCommand({
  name: "business.order",
  kind: "query",
  summary: "Get the products of an order that a customer sent",
  input: z.object({
    orderId: z.string().min(1).max(128),
    /** `token` in the content of the order's message. */
    token: z.string().min(1).max(2048),
  }),
  output: z.object({
    /** In thousandths of the currency. */
    total: z.number().nullable(),
    currency: z.string().nullable(),
    products: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        ...amount,
        quantity: z.number().nullable(),
        imageUrl: z.string().nullable(),
      }),
    ),
  }),
  errors: ["order_not_found", "whatsapp_error"],
});
