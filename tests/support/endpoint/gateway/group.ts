import { testIn } from "../suite.ts";
import { arrives, type GatewayCase, type GatewayCases, type World } from "./case.ts";

const here = testIn("integration/group/management.test.ts");
const named = here("is told of a new name, subject and description");
const members = here("is added, promoted, demoted and removed, each with an outcome of its own");
const picture = here("sees a picture of the group come and go");
const asking = here("waits until an admin lets in or turns away, each with an outcome of its own");

const groupOf = ({ bob }: World, id: string) => bob.world.groups.get(id);
const people = [{ body: {} }, { body: { participants: [] } }, { body: { participants: ["nobody"] } }];

/** A group case: the command works on the group of the world, and the simulator keeps it. */
const group = (one: GatewayCase): GatewayCase => ({ simulator: "groups", ...one });
/** Reads: there is nothing to give but the group. */
const read = (one: GatewayCase): GatewayCase => group({ invalid: [{ params: { groupId: "x" } }], ...one });

export const groupCases: GatewayCases = {
  "GET /api/groups/{instanceId}": group({
    testedBy: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}": group({
    answers: { data: { participantsCount: 3 } },
    effect: async (world, { body }) => {
      if (!groupOf(world, body.data.id)?.members.has(world.carol.account)) throw new Error("Carol is not in the group");
    },
    testedBy: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
    invalid: [{ body: {} }, { body: { name: " ", participants: ["6281234567890"] } }],
  }),
  "POST /api/groups/{instanceId}/accept-invite": group({
    with: ({ bob, carol }) => ({ body: { inviteCode: bob.createGroup("Bob's", [carol.number]).inviteCode } }),
    answers: { data: { pending: false } },
    testedBy: here("of somebody else's lets us in, by code or link, and once more does no harm"),
    invalid: [{ body: {} }, { body: { inviteCode: "../x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}": read({
    answers: { data: { participantsCount: 3 } },
    testedBy: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "PUT /api/groups/{instanceId}/{groupId}/name": group({ testedBy: named, invalid: [{ body: {} }] }),
  "PUT /api/groups/{instanceId}/{groupId}/subject": group({ testedBy: named, invalid: [{ body: { subject: "" } }] }),
  "PUT /api/groups/{instanceId}/{groupId}/description": group({ testedBy: named, invalid: [{ body: {} }] }),
  "GET /api/groups/{instanceId}/{groupId}/participants": read({
    testedBy: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}/{groupId}/participants": group({ testedBy: members, invalid: people }),
  "DELETE /api/groups/{instanceId}/{groupId}/participants": group({
    answers: { data: { results: [{ status: 200 }] } },
    testedBy: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/promote": group({
    effect: async (world) => {
      if (!groupOf(world, world.group)?.isAdmin(world.bob.account)) throw new Error("Bob is no admin");
    },
    testedBy: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/demote": group({
    effect: async (world) => {
      if (groupOf(world, world.group)?.isAdmin(world.bob.account)) throw new Error("Bob is still an admin");
    },
    testedBy: members,
    invalid: people,
  }),
  "PUT /api/groups/{instanceId}/{groupId}/settings": group({
    testedBy: here("may write and change what the settings let it"),
    invalid: [{ body: {} }, { body: { ephemeral: 60 } }, { body: { announcement: "yes" } }],
  }),
  "POST /api/groups/{instanceId}/{groupId}/leave": group({
    with: ({ bob, owner }) => ({ params: { groupId: bob.createGroup("Away", [owner.number]).jid } }),
    testedBy: here("who leaves is out, and cannot leave again"),
    invalid: [{ params: { groupId: "x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}/invite-code": read({ testedBy: here("lets others in until it is revoked") }),
  "POST /api/groups/{instanceId}/{groupId}/revoke-invite": read({
    testedBy: here("lets others in until it is revoked"),
  }),
  "GET /api/groups/{instanceId}/{groupId}/join-requests": read({ answers: { data: [] }, testedBy: asking }),
  "POST /api/groups/{instanceId}/{groupId}/join-requests": group({
    with: ({ carol }) => ({ body: { participants: [carol.jid], action: "approve" } }),
    answers: { data: { results: [{ error: "not_asking" }] } },
    testedBy: asking,
    invalid: [{ body: {} }, { body: { participants: ["6281234567890"], action: "ignore" } }],
  }),
  "PUT /api/groups/{instanceId}/{groupId}/picture": group({
    with: ({ files }) => ({ body: { image: files.url("/profile.jpg") } }),
    testedBy: picture,
    invalid: [{ body: {} }, { body: { image: "file:///etc/passwd" } }],
  }),
  "DELETE /api/groups/{instanceId}/{groupId}/picture": read({ testedBy: picture }),
  "POST /api/groups/{instanceId}/{groupId}/message": group({
    effect: arrives,
    testedBy: here("gets a message to the group, which is told of with its id"),
    invalid: [{ body: {} }, { body: { message: "" } }],
  }),
};
