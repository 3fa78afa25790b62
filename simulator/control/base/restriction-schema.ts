import { z } from "zod";

const Seconds = z.number().int().min(1).max(31_536_000);
export const RestrictionsChange = z.object({
  timeLock: z
    .object({
      seconds: Seconds,
      type: z.string().optional().describe("WhatsApp's reason. Default: WEB_COMPANION_ONLY"),
      silently: z.boolean().optional().describe("Do not notify the devices of the account"),
    })
    .nullable()
    .optional()
    .describe("Refuse messages to new chats with 463. null ends the time-lock"),
  newChatCap: z
    .object({ quota: z.number().int().min(1), used: z.number().int().min(0).optional(), seconds: Seconds })
    .nullable()
    .optional()
    .describe("Limit the messages to new chats. null removes the limit"),
  rate: z
    .object({ messages: z.number().int().min(1), ms: z.number().int().min(1) })
    .nullable()
    .optional()
    .describe("Refuse messages above this rate with 429. null removes the limit"),
});
