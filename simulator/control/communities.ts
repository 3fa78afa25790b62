import { z } from "zod";
import { changeLink, makeCommunity } from "../phone/owner/community.ts";
import type { Phone } from "../phone/phone.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { Refusal } from "../stanza/errors.ts";
import { ControlError, type Route, route } from "./route.ts";
import { GroupView } from "./schema.ts";
import { groupView } from "./view.ts";

const NewCommunity = z.object({
  subject: z.string().min(1).max(100),
  anyoneAdds: z
    .boolean()
    .optional()
    .describe("Whether members who are no admins may make groups in it; true when left out"),
});
const Link = z.object({ action: z.enum(["link", "unlink"]), group: z.string().min(3).describe("A group's JID") });

/** What a phone's owner does with communities. */
export function communityRoutes(wa: WhatsApp): Route[] {
  const phone = ({ number = "" }: Record<string, string>): Phone => {
    const found = wa.phone(number);
    if (!found) throw new ControlError(404, `there is no phone ${number}`);
    return found;
  };
  return [
    route({
      method: "post",
      path: "/phones/{number}/communities",
      summary: "Make a community, with a group for its announcements and one to talk in",
      body: NewCommunity,
      answer: GroupView,
      run: ({ params, body: { subject, anyoneAdds = true } }) =>
        groupView(makeCommunity(phone(params), subject, { anyoneAdds })),
    }),
    route({
      method: "post",
      path: "/phones/{number}/communities/{community}/groups",
      summary: "Put a group into a community or take it out; 409 when the phone may not",
      body: Link,
      answer: GroupView,
      run: ({ params, body: { action, group } }) => {
        const found = wa.world.groups.get(group);
        if (!found) throw new ControlError(404, `there is no group ${group}`);
        try {
          changeLink(phone(params), params.community ?? "", action, group);
        } catch (error) {
          throw error instanceof Refusal ? new ControlError(409, error.message) : error;
        }
        return groupView(found);
      },
    }),
  ];
}
