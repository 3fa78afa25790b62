import { setNewChatCap, setTimeLock } from "../../stanza/account/restriction.ts";
import { phoneOf } from "../base/lookup.ts";
import { RestrictionsChange } from "../base/restriction-schema.ts";
import { type Route, route } from "../base/route.ts";

/** What the server restricts for an account. */
export const restrictionRoutes: Route[] = [
  route({
    method: "patch",
    path: "/phones/{number}/restrictions",
    summary: "Restrict an account, as WhatsApp does after too many messages to new chats",
    body: RestrictionsChange,
    run: (request) => {
      const { account } = phoneOf(request);
      const { world } = request.wa;
      const { timeLock, newChatCap, rate } = request.body;
      const untilOf = (seconds: number) => world.clock() + seconds * 1000;
      if (timeLock !== undefined) {
        const { type, seconds, silently } = timeLock ?? {};
        const lock =
          seconds === undefined ? undefined : { type: type ?? "WEB_COMPANION_ONLY", until: untilOf(seconds) };
        setTimeLock(world, account, lock, silently);
      }
      if (newChatCap !== undefined) {
        const cap = newChatCap && { ...newChatCap, used: newChatCap.used ?? 0, until: untilOf(newChatCap.seconds) };
        setNewChatCap(world, account, cap ?? undefined);
      }
      if (rate !== undefined) account.restrictions.rate = rate ?? undefined;
    },
  }),
];
