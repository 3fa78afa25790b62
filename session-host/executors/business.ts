import type { OrderDetails, Product, WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { defined } from "../../core/object.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { answerOf } from "./answer.ts";
import { phoneOf } from "./contact.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

const notABusiness = () => new AppError("not_a_business", "WhatsApp refuses a business profile for this account");

/** Returns the phone number, as a JID, of the person, or of the account itself. Catalogs are known by phone number. */
async function ownerOf(sock: WASocket, who: string | undefined): Promise<string> {
  return who === undefined ? plainJid(sock.user?.id) : await phoneOf(sock, who);
}

/** Baileys turns a number that WhatsApp omits into `NaN`. */
const finite = (value: number | undefined): number | null => (Number.isFinite(value) ? (value ?? null) : null);
const text = (value: string | undefined): string | null => value || null;
const minutes = (value: string | undefined): number | null => finite(value === undefined ? undefined : Number(value));

export async function getProfile(
  { sock }: ConnectedContext,
  { who }: CommandInput<"business.getProfile">,
): Promise<CommandOutput<"business.getProfile">> {
  const jid = await ownerOf(sock, who);
  const profile = await answerOf(sock.getBusinessProfile(jid), { 404: notABusiness() }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_a_business") return undefined;
    throw error;
  });
  if (!profile || typeof profile !== "object") return { jid, profile: null };
  const { timezone, business_config: days } = profile.business_hours;
  return {
    jid,
    profile: {
      description: text(profile.description),
      category: text(profile.category),
      address: text(profile.address),
      email: text(profile.email),
      websites: profile.website,
      hours: days
        ? {
            timezone: text(timezone),
            days: days.map((one) => ({
              day: one.day_of_week,
              mode: one.mode,
              open: minutes(one.open_time as unknown as string | undefined),
              close: minutes(one.close_time as unknown as string | undefined),
            })),
          }
        : null,
    },
  };
}

export async function setProfile(
  { sock }: MutationContext,
  { hours, ...texts }: CommandInput<"business.setProfile">,
): Promise<CommandOutput<"business.setProfile">> {
  const days = hours?.days.map(({ day, mode, open, close }) =>
    mode === "specific_hours"
      ? { day, mode, openTimeInMinutes: String(open), closeTimeInMinutes: String(close) }
      : { day, mode },
  );
  const change = defined({ ...texts, hours: hours && days && { timezone: hours.timezone, days } });
  const refusal = notABusiness();
  await answerOf(sock.updateBussinesProfile(change), { 401: refusal, 403: refusal });
  return {};
}

export async function catalog(
  { sock }: ConnectedContext,
  { who, limit, cursor }: CommandInput<"business.catalog">,
): Promise<CommandOutput<"business.catalog">> {
  const jid = await ownerOf(sock, who);
  const { products, nextPageCursor } = await answerOf(
    sock.getCatalog({ jid, limit, ...defined({ cursor }) }),
    noCatalog(),
  );
  return { products: products.map(toProduct), nextCursor: nextPageCursor || null };
}

export async function collections(
  { sock }: ConnectedContext,
  { who, limit }: CommandInput<"business.collections">,
): Promise<CommandOutput<"business.collections">> {
  const found = await answerOf(sock.getCollections(await ownerOf(sock, who), limit), noCatalog());
  return {
    collections: found.collections.map(({ id, name, products }) => ({ id, name, products: products.map(toProduct) })),
  };
}

const noCatalog = () => ({ 404: new AppError("not_a_business", "the account has no catalog") });

function toProduct(product: Product): CommandOutput<"business.catalog">["products"][number] {
  const { id, name, description, price, currency, retailerId, url, imageUrls, isHidden } = product;
  return {
    id,
    name,
    description: text(description),
    price: finite(price),
    currency: text(currency),
    retailerId: text(retailerId),
    url: text(url),
    imageUrl: imageUrls.original || imageUrls.requested || null,
    hidden: isHidden ?? false,
  };
}

export async function order(
  { sock }: ConnectedContext,
  { orderId, token }: CommandInput<"business.order">,
): Promise<CommandOutput<"business.order">> {
  const missing = new AppError("order_not_found", "WhatsApp knows no order with this id and token");
  const { price, products }: OrderDetails = await answerOf(sock.getOrderDetails(orderId, token), {
    404: missing,
    401: missing,
    403: missing,
  });
  return {
    total: finite(price.total),
    currency: text(price.currency),
    products: products.map(({ id, name, price: each, currency, quantity, imageUrl }) => ({
      id,
      name,
      price: finite(each),
      currency: text(currency),
      quantity: finite(quantity),
      imageUrl: text(imageUrl),
    })),
  };
}
