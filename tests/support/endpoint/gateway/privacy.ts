import { testIn } from "../case.ts";
import { bodiesOf, type GatewayCases } from "./case.ts";

const erased = testIn("api/privacy.test.ts");
const exported = testIn("api/privacy-export.test.ts");

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
  "POST /api/privacy/exports": {
    with: () => ({ body: { person: "6281999999998" } }),
    answers: { data: { status: "queued", mediaLinks: true, progress: { lines: 0, bytes: 0 } } },
    keep: ["data.id", "personExport"],
    testedBy: exported("has every column that can hold data about a person, or a reason why not"),
    invalid: bodiesOf(
      {},
      { person: "nobody" },
      { person: "120363000000000001@g.us" },
      { person: "6281999999998", mediaLinks: 1 },
    ),
  },
  "GET /api/privacy/exports": {
    testedBy: exported("is listed, and is invisible to others and under an instance"),
    invalid: [{ query: "limit=0" }],
  },
  "GET /api/privacy/exports/{exportId}": {
    with: ({ made }) => ({ params: { exportId: made.get("personExport") ?? "" } }),
    testedBy: exported("has every column that can hold data about a person, or a reason why not"),
    absent: { params: { exportId: "x" } },
  },
  "DELETE /api/privacy/exports/{exportId}": {
    with: ({ made }) => ({ params: { exportId: made.get("personExport") ?? "" } }),
    testedBy: exported("can be canceled, and is removed by an erasure of any person"),
    absent: { params: { exportId: "x" } },
  },
};
