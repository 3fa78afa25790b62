import type { Account, Business, BusinessProfile, Product } from "../../model/account.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

// Source of all requests and answers in this file: `getBusinessProfile` in Baileys' Socket/chats.ts, Socket/business.ts and
// Utils/business.ts. whatsmeow's `parseBusinessProfile` (user.go) reads the same profile.

const textNode = (tag: string, value: string | number | undefined): BinaryNode[] =>
  value === undefined ? [] : [node(tag, {}, Buffer.from(String(value)))];

const textOf = (parent: BinaryNode | undefined, tag: string) => bytes(child(parent, tag))?.toString();

function own(account: Account): Business {
  if (!account.business) throw new Refusal(403, "forbidden");
  return account.business;
}

/** `w:biz`: returns the profiles of business accounts, and changes fields of the client's own. */
export const businessProfile: IqHandler = (iq, { world, device }) => {
  const request = child(iq, "business_profile");
  if (!request) throw new Unsupported("w:biz");
  if (iq.attrs.type === "get") {
    const profiles = children(request, "profile").flatMap(({ attrs }) => {
      const account = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      return account?.business ? [profileNode(attrs.jid ?? "", account.business.profile ?? {})] : [];
    });
    return result(iq, [node("business_profile", { v: request.attrs.v }, profiles)]);
  }
  if (request.attrs.mutation_type !== "delta") throw new Refusal(400, "bad-request");
  const business = own(device.account);
  business.profile = { ...business.profile, ...changeOf(request) };
  return result(iq);
};

function changeOf(request: BinaryNode): BusinessProfile {
  const change: BusinessProfile = {};
  for (const field of ["address", "email", "description"] as const) {
    const value = textOf(request, field);
    if (value !== undefined) change[field] = value;
  }
  const websites = children(request, "website");
  if (websites.length > 0) change.websites = websites.map((website) => bytes(website)?.toString() ?? "");
  const hours = child(request, "business_hours");
  if (hours) {
    change.hours = {
      timezone: hours.attrs.timezone ?? "",
      days: children(hours, "business_hours_config").map(({ attrs }) => {
        const { day_of_week: day = "", mode = "", open_time: open, close_time: close } = attrs;
        return { day, mode, ...(open && close && { open: Number(open), close: Number(close) }) };
      }),
    };
  }
  return change;
}

function profileNode(jid: string, profile: BusinessProfile): BinaryNode {
  const { description, category, address, email, websites = [], hours } = profile;
  const days = hours?.days.map(({ day, mode, open, close }) =>
    node("business_hours_config", {
      day_of_week: day,
      mode,
      open_time: open === undefined ? undefined : String(open),
      close_time: close === undefined ? undefined : String(close),
    }),
  );
  return node("profile", { jid, tag: "1" }, [
    ...textNode("address", address),
    ...textNode("description", description),
    ...websites.flatMap((website) => textNode("website", website)),
    ...textNode("email", email),
    ...(category ? [node("categories", {}, [node("category", { id: "1" }, Buffer.from(category))])] : []),
    ...(hours ? [node("business_hours", { timezone: hours.timezone }, days)] : []),
  ]);
}

function productNode(product: Product): BinaryNode {
  const { id, name, description, price, currency, retailerId, url, imageUrl, hidden } = product;
  const image = [...textNode("request_image_url", imageUrl), ...textNode("original_image_url", imageUrl)];
  return node("product", { is_hidden: hidden ? "true" : undefined }, [
    ...textNode("id", id),
    ...textNode("name", name),
    ...textNode("description", description),
    ...textNode("price", price),
    ...textNode("currency", currency),
    ...textNode("retailer_id", retailerId),
    ...textNode("url", url),
    node("media", {}, [node("image", {}, image)]),
    node("status_info", {}, textNode("status", "APPROVED")),
  ]);
}

/** `w:biz:catalog`: returns a page of the products of a business, or its collections. Others don't see hidden products. */
export const catalog: IqHandler = (iq, { world, device }) => {
  const ofProducts = child(iq, "product_catalog");
  const ofCollections = child(iq, "collections");
  const jid = ofProducts?.attrs.jid ?? ofCollections?.attrs.biz_jid;
  if (iq.attrs.type !== "get" || !jid) throw new Unsupported("w:biz:catalog");
  const account = world.accountOf(jid);
  if (!account?.business) throw new Refusal(404, "item-not-found");
  const products = (account.business.products ?? []).filter(({ hidden }) => !hidden || account === device.account);
  if (ofProducts) {
    const limit = Number(textOf(ofProducts, "limit") ?? 10);
    const after = textOf(ofProducts, "after");
    const start = after === undefined ? 0 : products.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && start === 0) throw new Refusal(400, "bad-request");
    const page = products.slice(start, start + limit);
    const more = start + limit < products.length;
    const paging = more ? [node("paging", {}, textNode("after", page.at(-1)?.id))] : [];
    return result(iq, [node("product_catalog", {}, [...page.map(productNode), ...paging])]);
  }
  const limit = Number(textOf(ofCollections, "collection_limit") ?? 10);
  const found = (account.business.collections ?? []).slice(0, limit).map(({ id, name, productIds }) => {
    const members = products.filter((product) => productIds.includes(product.id));
    return node("collection", {}, [...textNode("id", id), ...textNode("name", name), ...members.map(productNode)]);
  });
  return result(iq, [node("collections", {}, found)]);
};

/** `fb:thrift_iq`: returns the products of an order to the seller, who shows the token of the order's message. */
export const orderDetails: IqHandler = (iq, { device }) => {
  const request = child(iq, "order");
  if (request?.attrs.op !== "get") throw new Unsupported("fb:thrift_iq");
  const { business } = device.account;
  const token = bytes(child(request, "token"))?.toString();
  const order = business?.orders?.find((one) => one.id === request.attrs.id && one.token === token);
  if (!order) throw new Refusal(404, "item-not-found");
  const items = order.items.flatMap(({ productId, quantity }) => {
    const product = business?.products?.find(({ id }) => id === productId);
    return product ? [{ product, quantity }] : [];
  });
  const total = items.reduce((sum, { product, quantity }) => sum + (product.price ?? 0) * quantity, 0);
  return result(iq, [
    node("order", { id: order.id }, [
      ...items.map(({ product, quantity }) =>
        node("product", {}, [
          ...textNode("id", product.id),
          ...textNode("name", product.name),
          node("image", {}, textNode("url", product.imageUrl)),
          ...textNode("price", product.price),
          ...textNode("currency", product.currency),
          ...textNode("quantity", quantity),
        ]),
      ),
      node("price", {}, [...textNode("total", total), ...textNode("currency", order.currency)]),
    ]),
  ]);
};
