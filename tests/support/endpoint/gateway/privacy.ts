import { testIn } from "../case.ts";
import { bodiesOf, type GatewayCases } from "./case.ts";

const erased = testIn("api/privacy.test.ts");

export const privacyCases: GatewayCases = {
  "POST /api/privacy/erasures": {
    with: () => ({ body: { person: "6281999999999" } }),
    answers: { data: { status: "queued" } },
    keep: ["data.id", "erasure"],
    testedBy: erased("leaves nothing readable of the number, the LID, and what the person said, in two passes"),
    invalid: bodiesOf({}, { person: "nobody" }, { person: "120363000000000001@g.us" }),
  },
  "GET /api/privacy/erasures": {
    testedBy: erased("is proved by its row and its receipt, without data of the person"),
    invalid: [{ query: "limit=0" }],
  },
  "GET /api/privacy/erasures/{erasureId}": {
    with: ({ made }) => ({ params: { erasureId: made.get("erasure") ?? "" } }),
    testedBy: erased("is proved by its row and its receipt, without data of the person"),
    absent: { params: { erasureId: "x" } },
  },
};
