import type { InstanceContext } from "../context.ts";

/** An id that a post may have: in the form of WhatsApp Web's, as all that this gateway gives. */
export const newMessageId = async ({ deps }: InstanceContext) => ({ messageId: deps.ids.messageId() });
