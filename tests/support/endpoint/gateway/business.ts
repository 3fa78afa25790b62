import { testIn } from "../case.ts";
import { type GatewayCases, holds } from "./case.ts";

const effectTest = testIn("integration/contact/labels.test.ts");
const profile = effectTest("the profile of a business is read and changed, and a field that is absent stays");
const catalog = effectTest("the catalog of a business is read page by page, and its hidden products only by itself");

export const businessCases: GatewayCases = {
  "GET /api/business/{instanceId}/profile": {
    answers: { data: { profile: { websites: [] } } },
    simulator: "business",
    testedBy: profile,
    invalid: [{ query: "phoneNumber=12" }],
  },
  "PUT /api/business/{instanceId}/profile": {
    with: () => ({ body: { description: "Flowers" } }),
    effect: async ({ owner }) => holds(() => owner.account.business?.profile?.description === "Flowers"),
    simulator: "business",
    testedBy: profile,
    invalid: [{ body: {} }, { body: { email: "nobody" } }, { body: { websites: ["ftp://a.example"] } }],
  },
  "GET /api/business/{instanceId}/catalog": {
    simulator: "business",
    testedBy: catalog,
    invalid: [{ query: "limit=0" }, { query: "phoneNumber=12" }],
  },
  "GET /api/business/{instanceId}/collections": {
    simulator: "business",
    testedBy: catalog,
    invalid: [{ query: "limit=101" }],
  },
  "GET /api/business/{instanceId}/orders/{orderId}": {
    with: ({ owner }) => {
      const { business } = owner.account;
      if (business) business.orders = [{ id: "4711", token: "secret", currency: "EUR", items: [] }];
      return { params: { orderId: "4711" }, query: "token=secret" };
    },
    answers: { data: { total: 0, products: [] } },
    simulator: "business",
    testedBy: effectTest("the order of a customer is read with the token in its message"),
    invalid: [{ params: { orderId: "4711" } }],
  },
};
