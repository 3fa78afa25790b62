import { bytes, child, node } from "../../wire/node.ts";
import { capOf, timeLockOf } from "../account/restriction.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import * as handlers from "./query-handlers.ts";

/**
 * The handlers of WhatsApp's GraphQL queries by query id. `path` is the field of the answer. Source: `QueryIds` and `XWAPaths`
 * in Baileys' Types/Mex.ts.
 */
const queries: Record<string, { path: string; run: handlers.QueryHandler }> = {
  "8823471724422422": { path: "xwa2_newsletter_create", run: handlers.create },
  "24250201037901610": { path: "xwa2_newsletter_update", run: handlers.update },
  "6563316087068696": { path: "xwa2_newsletter", run: handlers.find },
  "9783111038412085": { path: "xwa2_newsletter_subscribers", run: handlers.countSubscribers },
  "24404358912487870": { path: "xwa2_newsletter_join_v2", run: handlers.follow },
  "9767147403369991": { path: "xwa2_newsletter_leave_v2", run: handlers.unfollow },
  "29766401636284406": { path: "xwa2_newsletter_mute_v2", run: handlers.mute(true) },
  "9864994326891137": { path: "xwa2_newsletter_unmute_v2", run: handlers.mute(false) },
  "7130823597031706": { path: "xwa2_newsletter_admin", run: handlers.countAdmins },
  "7341777602580933": { path: "xwa2_newsletter_change_owner", run: handlers.changeOwner },
  "6551828931592903": { path: "xwa2_newsletter_demote", run: handlers.demote },
  // `mutationUpdateTextStatus` in whatsmeow's user.go. No source shows the field of the answer.
  "9152604461510864": { path: "xwa2_update_text_status", run: handlers.setAbout },
  "23983697327930364": { path: "xwa2_fetch_account_reachout_timelock", run: timeLockOf },
  "24503548349331633": { path: "xwa2_message_capping_info", run: capOf },
  "30062808666639665": { path: "xwa2_newsletter_delete_v2", run: handlers.remove },
};

/** `w:mex`: answers a GraphQL query in JSON. A refusal is also in JSON. */
export const mex: IqHandler = (iq, { world, device }) => {
  const element = child(iq, "query");
  const query = queries[element?.attrs.query_id ?? ""];
  if (!query) throw new Unsupported(`w:mex query ${element?.attrs.query_id}`);
  const { variables } = JSON.parse(String(bytes(element) ?? "{}")) as { variables?: handlers.Variables };
  const answer = (content: object) => result(iq, [node("result", {}, Buffer.from(JSON.stringify(content)))]);
  try {
    return answer({ data: { [query.path]: query.run({ world, account: device.account }, variables ?? {}) } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const extensions = { error_code: error.code, is_retryable: false, severity: "CRITICAL" };
    return answer({ data: null, errors: [{ message: error.message, extensions }] });
  }
};
