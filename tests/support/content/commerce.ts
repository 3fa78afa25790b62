import { type ContentCase, key, seller, target } from "./case.ts";

/** Orders, products, invoices and payments. */
export const commerceCases: Record<string, ContentCase> = {
  "an order": {
    message: {
      orderMessage: {
        orderId: "9612",
        token: "AR5",
        message: "2 T-shirts please",
        itemCount: 2,
        status: 1,
        orderTitle: "Shop",
        sellerJid: seller,
        totalAmount1000: 25_980,
        totalCurrencyCode: "EUR",
      },
    },
    content: {
      kind: "order",
      orderId: "9612",
      token: "AR5",
      text: "2 T-shirts please",
      itemCount: 2,
      status: "inquiry",
      sellerId: seller,
      total: { amount: 25.98, currency: "EUR" },
    },
    body: "2 T-shirts please",
    protobuf: { orderId: "9612", token: "AR5", message: "2 T-shirts please", totalAmount1000: 25_980 },
  },
  "a product": {
    message: {
      productMessage: {
        businessOwnerJid: seller,
        product: {
          productId: "77",
          title: "Red shoe",
          description: "Leather",
          currencyCode: "EUR",
          priceAmount1000: 49_900,
          salePriceAmount1000: 39_000,
          retailerId: "SKU-1",
          url: "https://x.example/77",
          productImageCount: 3,
        },
      },
    },
    content: {
      kind: "product",
      productId: "77",
      title: "Red shoe",
      price: { amount: 49.9, currency: "EUR" },
      salePrice: { amount: 39, currency: "EUR" },
      retailerId: "SKU-1",
      businessId: seller,
      imageCount: 3,
    },
    body: "Red shoe",
    protobuf: { product: { productId: "77", priceAmount1000: 49_900 }, businessOwnerJid: seller },
  },
  "a catalog": {
    message: {
      productMessage: {
        businessOwnerJid: seller,
        body: "All our shoes",
        catalog: { title: "Shoes", description: "2026" },
      },
    },
    content: { kind: "catalog", title: "Shoes", description: "2026", businessId: seller, text: "All our shoes" },
    body: "All our shoes",
  },
  "an invoice": {
    message: {
      invoiceMessage: { note: "Invoice 7", token: "T", attachmentType: 1, attachmentMimetype: "application/pdf" },
    },
    content: { kind: "invoice", note: "Invoice 7", token: "T", attachment: "pdf" },
    body: "Invoice 7",
  },
  "a payment": {
    message: {
      sendPaymentMessage: { noteMessage: { extendedTextMessage: { text: "For lunch" } }, requestMessageKey: key },
    },
    content: { kind: "payment", action: "sent", note: "For lunch", request: target, amount: null },
    body: "For lunch",
    protobuf: { noteMessage: { extendedTextMessage: { text: "For lunch" } }, requestMessageKey: { id: "3EB0TARGET" } },
  },
  "a payment request": {
    message: {
      requestPaymentMessage: {
        currencyCodeIso4217: "INR",
        amount1000: 150_500,
        requestFrom: seller,
        expiryTimestamp: 1_800_000_000,
      },
    },
    content: {
      kind: "payment",
      action: "requested",
      amount: { amount: 150.5, currency: "INR" },
      requestedFrom: seller,
      expiresAt: "2027-01-15T08:00:00.000Z",
    },
    body: "Payment request: 150.50 INR",
    protobuf: { amount1000: 150_500, currencyCodeIso4217: "INR", expiryTimestamp: 1_800_000_000 },
  },
  "a payment request with a newer amount": {
    message: { requestPaymentMessage: { amount: { value: 1234, offset: 100, currencyCode: "BRL" } } },
    content: { kind: "payment", amount: { amount: 12.34, currency: "BRL" } },
    body: "Payment request: 12.34 BRL",
  },
  "a declined payment request": {
    message: { declinePaymentRequestMessage: { key } },
    content: { kind: "payment", action: "declined", request: target },
    body: "Payment request declined",
    protobuf: { key: { id: "3EB0TARGET" } },
  },
  "a canceled payment request": {
    message: { cancelPaymentRequestMessage: { key } },
    content: { kind: "payment", action: "canceled", request: target },
    body: "Payment request canceled",
  },
  "an invitation to payments": {
    message: { paymentInviteMessage: { serviceType: 3, expiryTimestamp: 1_800_000_000 } },
    content: { kind: "paymentInvite", service: "upi", expiresAt: "2027-01-15T08:00:00.000Z" },
    body: "Invitation to payments with UPI",
  },
};
