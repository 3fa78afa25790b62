import { makeCommunity } from "../../../../simulator/phone/owner/community.ts";
import { type Request, testIn } from "../case.ts";
import { bodiesOf, type GatewayCase, type GatewayCases, type GatewayFixture, invalidParameter } from "./case.ts";

const communities = testIn("integration/group/communities.test.ts");

const anew = communities(
  "a new community has an announcement group for admins and a general group, and is listed as a community",
);
const linked = communities("a group is linked and unlinked, and its members stay in the group and in the community");
const described = communities(
  "a new name and description apply to the community, and the name to its announcement group",
);
const inCommunity = ({ made }: GatewayFixture) => ({ communityId: made.get("community") ?? "120363999999999999@g.us" });
const community = (one: GatewayCase): GatewayCase => ({
  simulator: "communities",
  with: (fixture) => ({ params: inCommunity(fixture) }),
  ...one,
});
/** Links the group of the fixture to the community, or unlinks it. */
const link = (fixture: GatewayFixture): Request => ({ params: inCommunity(fixture), body: { groupId: fixture.group } });

export const communityCases: GatewayCases = {
  "GET /api/communities/{instanceId}": community({ testedBy: anew }),
  "POST /api/communities/{instanceId}": community({
    with: () => ({ body: { name: "Our world", description: "all of us" } }),
    keep: ["data.id", "community"],
    testedBy: anew,
    invalid: bodiesOf({}, { name: " " }),
  }),
  "GET /api/communities/{instanceId}/{communityId}": community({
    answers: { data: { name: "Our world", description: "all of us" } },
    testedBy: anew,
    invalid: invalidParameter("communityId"),
  }),
  "POST /api/communities/{instanceId}/{communityId}/groups": community({
    with: (fixture) => ({ params: inCommunity(fixture), body: { name: "Talk", participants: [fixture.bob.jid] } }),
    answers: { data: { results: [{ status: 200 }] } },
    testedBy: communities(
      "a group that is created in a community adds its members to the community, with one result for each",
    ),
    invalid: bodiesOf({}, { name: "x", participants: ["nobody"] }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/groups": community({
    with: link,
    testedBy: linked,
    invalid: bodiesOf({}, { groupId: "6281234567890" }),
  }),
  "DELETE /api/communities/{instanceId}/{communityId}/groups": community({
    with: link,
    testedBy: linked,
    invalid: bodiesOf({}, { groupId: "6281234567890" }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/name": community({
    with: (fixture) => ({ params: inCommunity(fixture), body: { name: "Our new world" } }),
    testedBy: described,
    invalid: bodiesOf({}, { name: "" }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/description": community({
    with: (fixture) => ({ params: inCommunity(fixture), body: { description: "" } }),
    testedBy: described,
    invalid: bodiesOf({}, { description: "x".repeat(2049) }),
  }),
  "GET /api/communities/{instanceId}/{communityId}/invite-code": community({
    testedBy: communities(
      "an announcement reaches members who joined with the invite, and only admins can send announcements",
    ),
    invalid: invalidParameter("communityId"),
  }),
  "POST /api/communities/{instanceId}/{communityId}/leave": community({
    with: ({ bob, owner }) => {
      const theirs = makeCommunity(bob, "Bob's world");
      owner.followInvite(theirs.inviteCode);
      return { params: { communityId: theirs.jid } };
    },
    testedBy: communities(
      "a member sees a community with all of its groups, and leaves the community and its groups together",
    ),
    invalid: invalidParameter("communityId"),
  }),
};
