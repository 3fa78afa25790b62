import * as z from "zod";

/** The most buttons, rows, cards and the like that are kept of one message. WhatsApp's apps and its Cloud API have fewer. */
export const maxButtons = 20;
export const maxRows = 100;
export const maxSections = 20;
export const maxCards = 10;

/** What a button does when a person taps it. `other` is a button that this version does not know; `name` says which. */
export const buttonTypes = ["reply", "url", "call", "copy", "list", "flow", "location", "payment", "other"] as const;

const row = z.object({
  /** The id that the choice of this row contains. */
  id: z.string(),
  title: z.string(),
  description: z.string().nullable(),
});

/** The rows of a list, under a title that may be empty. */
export const section = z.object({ title: z.string(), rows: z.array(row) }).meta({ id: "ListSection" });
export type Section = z.output<typeof section>;

export const button = z
  .object({
    type: z.enum(buttonTypes),
    /** The text on the button. */
    label: z.string(),
    /** The id that the choice of this button contains. */
    id: z.string().nullable(),
    /** The page that the button opens. */
    url: z.string().nullable(),
    /** The number that the button calls, as the sender wrote it. */
    phone: z.string().nullable(),
    /** The text that the button copies, such as a coupon or one-time code. */
    copyText: z.string().nullable(),
    /** The choices that the button opens. */
    sections: z.array(section),
    /** WhatsApp's name of a native-flow button: `quick_reply`, `cta_url`, `review_and_pay`, … */
    name: z.string().nullable(),
    /** The JSON text with all parameters of a native-flow button. Null if it is missing or too long. */
    paramsJson: z.string().nullable(),
  })
  .meta({ id: "MessageButton" });
export type Button = z.output<typeof button>;

/** The part of a message above its text. The file of `media` is the file of the message. */
export const header = z
  .object({
    title: z.string(),
    subtitle: z.string().nullable(),
    media: z.enum(["image", "video", "document"]).nullable(),
    location: z
      .object({
        latitude: z.number(),
        longitude: z.number(),
        name: z.string().nullable(),
        address: z.string().nullable(),
      })
      .nullable(),
    /** The product that the message shows, by its id in the seller's catalog. */
    productId: z.string().nullable(),
  })
  .meta({ id: "MessageHeader" });
export type Header = z.output<typeof header>;

/** The parts of a message of a business with buttons, and of each card of a carousel. */
export const card = z.object({
  header: header.nullable(),
  /** The main text. */
  text: z.string(),
  footer: z.string().nullable(),
  buttons: z.array(button),
});
export type Card = z.output<typeof card>;

/** An amount of money, such as 12.5 and `EUR`. */
export const money = z
  .object({
    /** In units of the currency. */
    amount: z.number(),
    /** ISO 4217. Null if the message does not state the currency. */
    currency: z.string().nullable(),
  })
  .meta({ id: "Money" });
export type Money = z.output<typeof money>;

/** Returns "12.50 EUR" for an amount, or "". */
export function moneyText(value: Money | null): string {
  if (!value) return "";
  const amount = Number.isInteger(value.amount) ? String(value.amount) : value.amount.toFixed(2);
  return value.currency ? `${amount} ${value.currency}` : amount;
}

/** A message that another one refers to. */
export const messageReference = z
  .object({
    /** WhatsApp's id. */
    messageId: z.string(),
    /** JID of the chat, as the sender names it. */
    chatId: z.string().nullable(),
    /** JID of the author in a group or of a status post, as the sender names it. */
    senderId: z.string().nullable(),
    /** Whether the sender of the reference wrote the message. */
    fromMe: z.boolean(),
  })
  .meta({ id: "MessageReference" });
export type MessageReference = z.output<typeof messageReference>;

/** Returns the first of the texts that is not empty, or "". */
export const firstText = (...texts: (string | null | undefined)[]): string => texts.find(Boolean) ?? "";

/** Returns the text of a card: its main text, otherwise the next part of it that a person reads. */
export const cardText = ({ text, header, footer, buttons }: Card): string =>
  firstText(
    text,
    header?.title,
    header?.subtitle,
    footer,
    buttons
      .map(({ label }) => label)
      .filter(Boolean)
      .join(" · "),
    header?.location?.name,
  );

/** Returns Unix seconds, as the protobuf has times. */
export const secondsOf = (iso: string | null): number | undefined =>
  iso ? Math.floor(Date.parse(iso) / 1000) : undefined;

/** Returns thousandths of a currency, as the protobuf has amounts. */
export const thousandthsOf = (value: Money | null): number | undefined =>
  value ? Math.round(value.amount * 1000) : undefined;

/** Returns the `MessageKey` of a message. */
export const keyOf = (reference: MessageReference | null) =>
  reference
    ? {
        id: reference.messageId,
        fromMe: reference.fromMe,
        remoteJid: reference.chatId ?? undefined,
        participant: reference.senderId ?? undefined,
      }
    : undefined;

/** Returns the location of a header as `locationMessage`. */
export const headerLocation = ({ location }: Header) =>
  location
    ? {
        degreesLatitude: location.latitude,
        degreesLongitude: location.longitude,
        name: location.name ?? undefined,
        address: location.address ?? undefined,
      }
    : undefined;

/** Returns a card as `interactiveMessage`. */
export const cardProtobuf = ({ header, text, footer, buttons }: Card) => ({
  header: header
    ? {
        title: header.title || undefined,
        subtitle: header.subtitle ?? undefined,
        hasMediaAttachment: header.media !== null,
        locationMessage: headerLocation(header),
      }
    : undefined,
  body: text ? { text } : undefined,
  footer: footer ? { text: footer } : undefined,
  nativeFlowMessage:
    buttons.length > 0
      ? {
          buttons: buttons.map(({ name, paramsJson }) => ({
            name: name ?? undefined,
            buttonParamsJson: paramsJson ?? undefined,
          })),
        }
      : undefined,
});
