import { testIn } from "../case.ts";
import { arrives, type GatewayCase, type GatewayCases, type GatewayFixture } from "./case.ts";

const effectTest = testIn("integration/group/management.test.ts");
const named = effectTest("members are notified of a new name, subject and description");
const members = effectTest("members are added, promoted, demoted and removed, with one result for each");
const picture = effectTest("members see the group's picture set and removed");
const asking = effectTest("a request to join waits until an admin approves or rejects it, with one result for each");

const groupOf = ({ bob }: GatewayFixture, id: string) => bob.world.groups.get(id);
const people = [{ body: {} }, { body: { participants: [] } }, { body: { participants: ["nobody"] } }];

/** A group case: the command works on the group of the fixture, and the simulator keeps it. */
const group = (one: GatewayCase): GatewayCase => ({ simulator: "groups", ...one });
/** A case without any input but the group. */
const read = (one: GatewayCase): GatewayCase => group({ invalid: [{ params: { groupId: "x" } }], ...one });

export const groupCases: GatewayCases = {
  "GET /api/groups/{instanceId}": group({
    testedBy: effectTest("a new group has the named members, in any spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}": group({
    answers: { data: { participantsCount: 3 } },
    effect: async (fixture, { body }) => {
      if (!groupOf(fixture, body.data.id)?.members.has(fixture.carol.account))
        throw new Error("Carol is not in the group");
    },
    testedBy: effectTest("a new group has the named members, in any spelling, and its creator as superadmin"),
    invalid: [{ body: {} }, { body: { name: " ", participants: ["6281234567890"] } }],
  }),
  "POST /api/groups/{instanceId}/accept-invite": group({
    with: ({ bob, carol }) => ({ body: { inviteCode: bob.createGroup("Bob's", [carol.number]).inviteCode } }),
    answers: { data: { pending: false } },
    testedBy: effectTest("an invite of another account admits the instance, by code or link, also repeatedly"),
    invalid: [{ body: {} }, { body: { inviteCode: "../x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}": read({
    answers: { data: { participantsCount: 3 } },
    testedBy: effectTest("a new group has the named members, in any spelling, and its creator as superadmin"),
  }),
  "PUT /api/groups/{instanceId}/{groupId}/name": group({ testedBy: named, invalid: [{ body: {} }] }),
  "PUT /api/groups/{instanceId}/{groupId}/subject": group({ testedBy: named, invalid: [{ body: { subject: "" } }] }),
  "PUT /api/groups/{instanceId}/{groupId}/description": group({ testedBy: named, invalid: [{ body: {} }] }),
  "GET /api/groups/{instanceId}/{groupId}/participants": read({
    testedBy: effectTest("a new group has the named members, in any spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}/{groupId}/participants": group({ testedBy: members, invalid: people }),
  "DELETE /api/groups/{instanceId}/{groupId}/participants": group({
    answers: { data: { results: [{ status: 200 }] } },
    testedBy: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/promote": group({
    effect: async (fixture) => {
      if (!groupOf(fixture, fixture.group)?.isAdmin(fixture.bob.account)) throw new Error("Bob is no admin");
    },
    testedBy: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/demote": group({
    effect: async (fixture) => {
      if (groupOf(fixture, fixture.group)?.isAdmin(fixture.bob.account)) throw new Error("Bob is still an admin");
    },
    testedBy: members,
    invalid: people,
  }),
  "PUT /api/groups/{instanceId}/{groupId}/settings": group({
    testedBy: effectTest("members can send and change only what the settings allow"),
    invalid: [{ body: {} }, { body: { ephemeral: 60 } }, { body: { announcement: "yes" } }],
  }),
  "POST /api/groups/{instanceId}/{groupId}/leave": group({
    with: ({ bob, owner }) => ({ params: { groupId: bob.createGroup("Away", [owner.number]).jid } }),
    testedBy: effectTest("an account that leaves a group cannot leave again"),
    invalid: [{ params: { groupId: "x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}/invite-code": read({
    testedBy: effectTest("an invite code admits others until it is revoked"),
  }),
  "POST /api/groups/{instanceId}/{groupId}/revoke-invite": read({
    testedBy: effectTest("an invite code admits others until it is revoked"),
  }),
  "GET /api/groups/{instanceId}/{groupId}/join-requests": read({ answers: { data: [] }, testedBy: asking }),
  "POST /api/groups/{instanceId}/{groupId}/join-requests": group({
    with: ({ carol }) => ({ body: { participants: [carol.jid], action: "approve" } }),
    answers: { data: { results: [{ error: "not_asking" }] } },
    testedBy: asking,
    invalid: [{ body: {} }, { body: { participants: ["6281234567890"], action: "ignore" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}/picture": {
    simulator: "groups",
    testedBy: effectTest("members see the group's picture set and removed"),
    invalid: [{ query: "size=huge" }],
  },
  "PUT /api/groups/{instanceId}/{groupId}/picture": group({
    with: ({ files }) => ({ body: { image: files.url("/profile.jpg") } }),
    testedBy: picture,
    invalid: [{ body: {} }, { body: { image: "file:///etc/passwd" } }],
  }),
  "DELETE /api/groups/{instanceId}/{groupId}/picture": read({ testedBy: picture }),
  "POST /api/groups/{instanceId}/{groupId}/message": group({
    effect: arrives,
    testedBy: effectTest("members get a message to the group, whose webhook has the returned id"),
    invalid: [{ body: {} }, { body: { message: "" } }],
  }),
};
