import { z } from "zod";
import { changeLink, makeCommunity } from "../../phone/owner/community.ts";
import { groupOf, phoneOf } from "../base/lookup.ts";
import { type Route, route } from "../base/route.ts";
import { GroupView } from "../base/schema.ts";
import { groupView } from "../base/view.ts";

const NewCommunity = z.object({
  subject: z.string().min(1).max(100),
  anyoneAdds: z
    .boolean()
    .optional()
    .describe("Whether members who are not admins may create groups in it. Default: true"),
});
const Link = z.object({ action: z.enum(["link", "unlink"]), group: z.string().min(3).describe("JID of a group") });

export const communityRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/communities",
    summary: "Create a community with its announcement group and general chat",
    body: NewCommunity,
    answer: GroupView,
    run: (asked) => {
      const { subject, anyoneAdds = true } = asked.body;
      return groupView(makeCommunity(phoneOf(asked), subject, { anyoneAdds }));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/communities/{community}/groups",
    summary: "Add a group to a community, or remove it; 409 if the phone may not",
    body: Link,
    answer: GroupView,
    run: (asked) => {
      const { action, group } = asked.body;
      const found = groupOf(asked, group);
      changeLink(phoneOf(asked), asked.params.community ?? "", action, group);
      return groupView(found);
    },
  }),
];
