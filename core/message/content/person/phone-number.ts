import * as z from "zod";
import { defineContent } from "../define.ts";

export const phoneNumberRequest = defineContent({
  kind: "phoneNumberRequest",
  summary: "A request to share the phone number",
  schema: z.object({ kind: z.literal("phoneNumberRequest") }),
  text: () => "Request for your phone number",
});

export const phoneNumberShared = defineContent({
  kind: "phoneNumberShared",
  summary: "A person shared the phone number behind a LID",
  schema: z.object({ kind: z.literal("phoneNumberShared") }),
  text: () => "Phone number shared",
  protobuf: () => ({ type: "SHARE_PHONE_NUMBER" }),
});
