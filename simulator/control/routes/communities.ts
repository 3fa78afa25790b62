import { z } from "zod";
import { changeLink, makeCommunity } from "../../phone/owner/community.ts";
import { groupOf, phoneOf } from "../base/lookup.ts";
import { type Route, route } from "../base/route.ts";
import { GroupView } from "../base/schema.ts";
import { groupView } from "../base/view.ts";

const NewCommunity = z.object({
  subject: z.string().min(1).max(100),
  anyoneAdds: z.boolean().optional().describe("Whether any member may create groups in the community. Default: true"),
});
const Link = z.object({ action: z.enum(["link", "unlink"]), group: z.string().min(3).describe("JID of a group") });

export const communityRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/communities",
    summary: "Create a community with its announcement group and general chat",
    body: NewCommunity,
    answer: GroupView,
    run: (request) => {
      const { subject, anyoneAdds = true } = request.body;
      return groupView(makeCommunity(phoneOf(request), subject, { anyoneAdds }));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/communities/{community}/groups",
    summary: "Add a group to a community, or remove the group. Returns 409 if the phone is not allowed to.",
    body: Link,
    answer: GroupView,
    run: (request) => {
      const { action, group } = request.body;
      const found = groupOf(request, group);
      changeLink(phoneOf(request), request.params.community ?? "", action, group);
      return groupView(found);
    },
  }),
];
