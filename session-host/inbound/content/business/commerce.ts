import type { proto } from "@whiskeysockets/baileys";
import type { Parse } from "../parse.ts";
import { countOf, enumOf, isoOf, moneyOf, Reader, referenceOf } from "../reader.ts";
import { thumbnailOrNull } from "../values.ts";

/** The values of `OrderMessage.OrderStatus` in WAProto. */
const orderStatuses = { 1: "inquiry", 2: "accepted", 3: "declined" } as const;

export const parseOrder: Parse<"orderMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "order",
    orderId: read.id(part.orderId) ?? "",
    token: read.orNull(read.detail(part.token)),
    title: read.name(part.orderTitle),
    text: read.main(part.message),
    itemCount: countOf(part.itemCount),
    total: moneyOf(part.totalAmount1000, 1000, part.totalCurrencyCode),
    status: enumOf(orderStatuses, part.status),
    sellerId: read.jid(part.sellerJid),
    request: referenceOf(part.orderRequestMessageId),
    thumbnail: thumbnailOrNull(part.thumbnail),
  };
};

export const parseProduct: Parse<"productMessage"> = ({ product, catalog, businessOwnerJid, body, footer }, scope) => {
  const read = new Reader(scope);
  const message = {
    text: read.main(body),
    footer: read.orNull(read.detail(footer)),
    businessId: read.jid(businessOwnerJid),
  };
  if (!product && catalog)
    return {
      kind: "catalog",
      ...message,
      title: read.name(catalog.title),
      description: read.orNull(read.detail(catalog.description)),
    };
  const { currencyCode } = product ?? {};
  return {
    kind: "product",
    ...message,
    productId: read.id(product?.productId) ?? "",
    title: read.name(product?.title),
    description: read.orNull(read.detail(product?.description)),
    price: moneyOf(product?.priceAmount1000, 1000, currencyCode),
    salePrice: moneyOf(product?.salePriceAmount1000, 1000, currencyCode),
    retailerId: read.orNull(read.name(product?.retailerId)),
    url: read.url(product?.url),
    imageCount: countOf(product?.productImageCount),
  };
};

export const parseInvoice: Parse<"invoiceMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "invoice",
    note: read.main(part.note),
    token: read.orNull(read.detail(part.token)),
    attachment: part.attachmentType === 1 ? "pdf" : "image",
  };
};

const noPayment = { note: "", amount: null, requestedFrom: null, expiresAt: null, request: null };

/** The note of a payment is a message of its own, a text. */
const noteOf = (note: proto.IMessage | null | undefined, read: Reader): string =>
  read.main(note?.extendedTextMessage?.text || note?.conversation);

export const parseSendPayment: Parse<"sendPaymentMessage"> = ({ noteMessage, requestMessageKey }, scope) => ({
  ...{ kind: "payment", action: "sent", ...noPayment },
  note: noteOf(noteMessage, new Reader(scope)),
  request: referenceOf(requestMessageKey),
});

/** A request has its amount as `amount`, or in older versions as `amount1000`. */
export const parseRequestPayment: Parse<"requestPaymentMessage"> = (part, scope) => {
  const read = new Reader(scope);
  const { amount } = part;
  return {
    ...{ kind: "payment", action: "requested", ...noPayment },
    note: noteOf(part.noteMessage, read),
    amount: amount
      ? moneyOf(amount.value, amount.offset ?? 1000, amount.currencyCode ?? part.currencyCodeIso4217)
      : moneyOf(part.amount1000, 1000, part.currencyCodeIso4217),
    requestedFrom: read.jid(part.requestFrom),
    expiresAt: isoOf(part.expiryTimestamp),
  };
};

export const parseDeclinePayment: Parse<"declinePaymentRequestMessage"> = ({ key }) => ({
  ...{ kind: "payment", action: "declined", ...noPayment },
  request: referenceOf(key),
});

export const parseCancelPayment: Parse<"cancelPaymentRequestMessage"> = ({ key }) => ({
  ...{ kind: "payment", action: "canceled", ...noPayment },
  request: referenceOf(key),
});

/** The values of `PaymentInviteMessage.ServiceType` in WAProto. */
const services = { 1: "fbpay", 2: "novi", 3: "upi" } as const;

export const parsePaymentInvite: Parse<"paymentInviteMessage"> = ({ serviceType, expiryTimestamp }) => ({
  kind: "paymentInvite",
  service: enumOf(services, serviceType),
  expiresAt: isoOf(expiryTimestamp),
});
