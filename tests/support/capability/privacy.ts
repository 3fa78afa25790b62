import { defineCapability } from "./define.ts";

export const privacy = [
  defineCapability({
    name: "Erase a person",
    commands: [],
    gateway: ["POST /api/privacy/erasures", "GET /api/privacy/erasures", "GET /api/privacy/erasures/{erasureId}"],
    multiInstance: [],
    simulator: null,
    tests: [
      "tests/api/privacy.test.ts > leaves nothing readable of the number, the LID, and what the person said, in two passes",
      "tests/api/privacy.test.ts > each column of each table is erased, or has a reason why it needs nothing",
    ],
  }),
  defineCapability({
    name: "Export everything about a person",
    commands: [],
    gateway: [
      "POST /api/privacy/exports",
      "GET /api/privacy/exports",
      "GET /api/privacy/exports/{exportId}",
      "DELETE /api/privacy/exports/{exportId}",
    ],
    multiInstance: [],
    simulator: null,
    tests: [
      "tests/api/privacy-export.test.ts > has every column that can hold data about a person, or a reason why not",
      "tests/api/privacy-export.test.ts > continues after its process was killed at any line, without loss or repetition",
    ],
  }),
];
