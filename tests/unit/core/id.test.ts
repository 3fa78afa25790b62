import { expect, test } from "vitest";
import { isUuid, systemIds, uuidv7 } from "../../../core/id.ts";

test("a UUIDv7 equals the example of RFC 9562, appendix A.6", () => {
  const id = uuidv7(0x017f22e279b0, "919108f7-52d1-4cc3-98c4-dc0c0c07398f");
  expect(id).toBe("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
});

test("ids are valid, unique and sorted by time", () => {
  const ids = Array.from({ length: 1000 }, () => systemIds.uuid());
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect([id, isUuid(id), id[14]]).toEqual([id, true, "7"]);
  expect(uuidv7(1).localeCompare(uuidv7(2))).toBe(-1);
  expect(isUuid(`${ids[0]}0`)).toBe(false);
});
