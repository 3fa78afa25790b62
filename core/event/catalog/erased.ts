import * as z from "zod";
import { defineEvent } from "./define.ts";

export const erased = defineEvent({
  type: "event.erased",
  summary: "An event that was about a person whose data was erased. Its number stays, so that the log has no gap",
  data: z.object({}),
});
