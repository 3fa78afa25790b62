import { type ContentCase, seller } from "./case.ts";

/** Messages of businesses, and the choices that people make in them. */
export const businessCases: Record<string, ContentCase> = {
  "a list": {
    message: {
      listMessage: {
        title: "Shipping",
        description: "How shall we send it?",
        buttonText: "Choose",
        footerText: "Shop",
        listType: 1,
        sections: [{ title: "Fast", rows: [{ rowId: "ship_express", title: "Express", description: "1 day" }] }],
      },
    },
    content: {
      kind: "list",
      title: "Shipping",
      text: "How shall we send it?",
      footer: "Shop",
      buttonLabel: "Choose",
      sections: [{ title: "Fast", rows: [{ id: "ship_express", title: "Express", description: "1 day" }] }],
      products: null,
    },
    body: "How shall we send it?",
    protobuf: { description: "How shall we send it?", buttonText: "Choose" },
  },
  "a list of products": {
    message: {
      listMessage: {
        title: "Shoes",
        listType: 2,
        productListInfo: {
          businessOwnerJid: seller,
          productSections: [{ title: "New", products: [{ productId: "77" }] }],
        },
      },
    },
    content: { kind: "list", products: { businessId: seller, sections: [{ title: "New", productIds: ["77"] }] } },
    body: "Shoes",
  },
  buttons: {
    message: {
      buttonsMessage: {
        text: "Order 12",
        headerType: 2,
        contentText: "Confirm?",
        footerText: "Shop",
        buttons: [
          { buttonId: "yes", buttonText: { displayText: "Yes" }, type: 1 },
          {
            buttonId: "page",
            type: 2,
            nativeFlowInfo: {
              name: "cta_url",
              paramsJson: JSON.stringify({ display_text: "Page", url: "https://x.example" }),
            },
          },
        ],
      },
    },
    content: {
      kind: "buttons",
      text: "Confirm?",
      footer: "Shop",
      header: { title: "Order 12", subtitle: null, media: null, location: null, productId: null },
      buttons: [
        { type: "reply", id: "yes", label: "Yes" },
        { type: "url", id: "page", label: "Page", url: "https://x.example", name: "cta_url" },
      ],
    },
    body: "Confirm?",
    protobuf: { contentText: "Confirm?", text: "Order 12" },
  },
  "a template": {
    message: {
      templateMessage: {
        templateId: "951",
        hydratedTemplate: {
          hydratedTitleText: "Sign in",
          hydratedContentText: "Your code is 123456",
          hydratedFooterText: "Do not share it",
          hydratedButtons: [
            { index: 0, quickReplyButton: { displayText: "Not me", id: "not_me" } },
            { index: 1, urlButton: { displayText: "Open", url: "https://x.example/c" } },
            { index: 2, callButton: { displayText: "Call us", phoneNumber: "+4915550000009" } },
          ],
        },
      },
    },
    content: {
      kind: "template",
      text: "Your code is 123456",
      footer: "Do not share it",
      header: { title: "Sign in" },
      templateId: "951",
      masked: false,
      buttons: [
        { type: "reply", label: "Not me", id: "not_me" },
        { type: "url", label: "Open", url: "https://x.example/c" },
        { type: "call", label: "Call us", phone: "+4915550000009" },
      ],
    },
    body: "Your code is 123456",
    protobuf: { hydratedTemplate: { hydratedContentText: "Your code is 123456", hydratedTitleText: "Sign in" } },
  },
  "a template under its older name, with a place": {
    message: {
      templateMessage: {
        hydratedFourRowTemplate: {
          hydratedContentText: "Pick it up here",
          locationMessage: { degreesLatitude: 52.52, degreesLongitude: 13.4, name: "Shop" },
        },
      },
    },
    content: {
      kind: "template",
      header: { location: { latitude: 52.52, longitude: 13.4, name: "Shop", address: null } },
    },
    body: "Pick it up here",
  },
  "a template that has only its parameters": {
    message: {
      templateMessage: {
        fourRowTemplate: {
          content: { namespace: "n", elementName: "order_ready", params: ["Ann", "12"] },
          buttons: [{ index: 0, quickReplyButton: { displayText: { elementName: "b", params: ["OK"] }, id: "ok" } }],
        },
      },
    },
    content: {
      kind: "template",
      name: "order_ready",
      parameters: ["Ann", "12"],
      buttons: [{ type: "reply", label: "OK", id: "ok" }],
    },
    body: "Ann · 12",
  },
  "a structured message": {
    message: { highlyStructuredMessage: { namespace: "n", elementName: "reminder", params: ["Monday"] } },
    content: { kind: "template", name: "reminder", parameters: ["Monday"] },
    body: "Monday",
  },
  "a structured message with its text": {
    message: {
      highlyStructuredMessage: {
        hydratedHsm: { hydratedTemplate: { hydratedContentText: "See you on Monday", maskLinkedDevices: true } },
      },
    },
    content: { kind: "template", text: "See you on Monday", masked: true },
    body: "See you on Monday",
  },
  "a native flow": {
    message: {
      interactiveMessage: {
        header: { title: "Menu", subtitle: "Today" },
        body: { text: "What would you like?" },
        footer: { text: "Cafe" },
        nativeFlowMessage: {
          messageParamsJson: JSON.stringify({ limit: 1 }),
          buttons: [
            {
              name: "single_select",
              buttonParamsJson: JSON.stringify({
                title: "Drinks",
                sections: [{ title: "Hot", rows: [{ id: "tea", title: "Tea", description: "Green" }] }],
              }),
            },
            { name: "quick_reply", buttonParamsJson: JSON.stringify({ display_text: "Nothing", id: "none" }) },
            {
              name: "cta_call",
              buttonParamsJson: JSON.stringify({ display_text: "Call", phone_number: "+4915550000009" }),
            },
            { name: "cta_copy", buttonParamsJson: JSON.stringify({ display_text: "Copy", copy_code: "TEA10" }) },
            { name: "newer_than_we_know", buttonParamsJson: "{" },
          ],
        },
      },
    },
    content: {
      kind: "interactive",
      header: { title: "Menu", subtitle: "Today" },
      text: "What would you like?",
      footer: "Cafe",
      isTemplate: false,
      paramsJson: JSON.stringify({ limit: 1 }),
      buttons: [
        {
          type: "list",
          label: "Drinks",
          sections: [{ title: "Hot", rows: [{ id: "tea", title: "Tea", description: "Green" }] }],
        },
        { type: "reply", label: "Nothing", id: "none", name: "quick_reply" },
        { type: "call", label: "Call", phone: "+4915550000009" },
        { type: "copy", label: "Copy", copyText: "TEA10" },
        { type: "other", label: "", name: "newer_than_we_know", paramsJson: "{" },
      ],
    },
    body: "What would you like?",
    protobuf: { body: { text: "What would you like?" }, header: { title: "Menu" } },
  },
  "an interactive message from a template": {
    message: {
      templateMessage: { templateId: "7", interactiveMessageTemplate: { body: { text: "Rate us" } } },
    },
    content: { kind: "interactive", isTemplate: true, templateId: "7", text: "Rate us" },
    body: "Rate us",
    protobuf: { templateId: "7", interactiveMessageTemplate: { body: { text: "Rate us" } } },
  },
  "a carousel": {
    message: {
      interactiveMessage: {
        carouselMessage: {
          cards: [
            {
              header: { title: "Shoe", productMessage: { product: { productId: "77" } } },
              body: { text: "Red" },
              nativeFlowMessage: {
                buttons: [{ name: "cta_url", buttonParamsJson: JSON.stringify({ url: "https://x.example" }) }],
              },
            },
            { body: { text: "Blue" } },
          ],
        },
      },
    },
    content: {
      kind: "interactive",
      text: "",
      cards: [
        {
          header: { title: "Shoe", productId: "77" },
          text: "Red",
          buttons: [{ type: "url", url: "https://x.example" }],
        },
        { header: null, text: "Blue", buttons: [] },
      ],
    },
    body: "Red",
  },
  "a collection": {
    message: { interactiveMessage: { collectionMessage: { bizJid: seller, id: "c1" }, body: { text: "New shoes" } } },
    content: { kind: "interactive", collection: { id: "c1", businessId: seller } },
    body: "New shoes",
  },
  "a shop": {
    message: { interactiveMessage: { shopStorefrontMessage: { id: "s1", surface: 1 } } },
    content: { kind: "interactive", shop: { id: "s1", surface: "facebook" } },
    body: "Shop",
  },
  "a choice in a list": {
    message: { listResponseMessage: { title: "Express", singleSelectReply: { selectedRowId: "ship_express" } } },
    content: { kind: "choice", from: "list", id: "ship_express", label: "Express", description: null },
    body: "Express",
    protobuf: { title: "Express", singleSelectReply: { selectedRowId: "ship_express" } },
  },
  "a choice whose id has other characters": {
    message: { listResponseMessage: { title: "Envío rápido", singleSelectReply: { selectedRowId: "envío rápido ✓" } } },
    content: { kind: "choice", from: "list", id: "envío rápido ✓", label: "Envío rápido" },
    body: "Envío rápido",
    protobuf: { singleSelectReply: { selectedRowId: "envío rápido ✓" } },
  },
  "a choice of a button": {
    message: { buttonsResponseMessage: { selectedButtonId: "yes", selectedDisplayText: "Yes", type: 1 } },
    content: { kind: "choice", from: "buttons", id: "yes", label: "Yes" },
    body: "Yes",
    protobuf: { selectedButtonId: "yes", selectedDisplayText: "Yes" },
  },
  "a choice in a template": {
    message: { templateButtonReplyMessage: { selectedId: "not_me", selectedDisplayText: "Not me", selectedIndex: 0 } },
    content: { kind: "choice", from: "template", id: "not_me", label: "Not me", index: 0 },
    body: "Not me",
    protobuf: { selectedId: "not_me", selectedDisplayText: "Not me", selectedIndex: 0 },
  },
  "a choice in a native flow": {
    message: {
      interactiveResponseMessage: {
        body: { text: "Tea" },
        nativeFlowResponseMessage: { name: "menu_options", paramsJson: JSON.stringify({ id: "tea" }), version: 3 },
      },
    },
    content: { kind: "choice", from: "interactive", id: "tea", label: "Tea", flowName: "menu_options" },
    body: "Tea",
    protobuf: { nativeFlowResponseMessage: { name: "menu_options", paramsJson: JSON.stringify({ id: "tea" }) } },
  },
  "the form of a flow": {
    message: {
      interactiveResponseMessage: {
        body: { text: "Sent" },
        nativeFlowResponseMessage: {
          name: "flow",
          paramsJson: JSON.stringify({ flow_token: "t", size: 42, colors: ["red"], id: null }),
        },
      },
    },
    content: {
      kind: "choice",
      id: null,
      flowName: "flow",
      fields: { flow_token: "t", size: "42", colors: '["red"]', id: "null" },
    },
    body: "Sent",
  },
};
