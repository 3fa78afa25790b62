import { shownIn } from "./endpoint-frame.ts";
import { arrives, type GatewayCase, type GatewayCases, type World } from "./gateway-case.ts";

const here = shownIn("integration/gateway-groups.test.ts");
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
    shown: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}": group({
    answers: { data: { participantsCount: 3 } },
    seen: async (world, { body }) => {
      if (!groupOf(world, body.data.id)?.members.has(world.carol.account)) throw new Error("Carol is not in the group");
    },
    shown: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
    invalid: [{ body: {} }, { body: { name: " ", participants: ["6281234567890"] } }],
  }),
  "POST /api/groups/{instanceId}/accept-invite": group({
    with: ({ bob, carol }) => ({ body: { inviteCode: bob.createGroup("Bob's", [carol.number]).inviteCode } }),
    answers: { data: { pending: false } },
    shown: here("of somebody else's lets us in, by code or link, and once more does no harm"),
    invalid: [{ body: {} }, { body: { inviteCode: "../x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}": read({
    answers: { data: { participantsCount: 3 } },
    shown: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "PUT /api/groups/{instanceId}/{groupId}/name": group({ shown: named, invalid: [{ body: {} }] }),
  "PUT /api/groups/{instanceId}/{groupId}/subject": group({ shown: named, invalid: [{ body: { subject: "" } }] }),
  "PUT /api/groups/{instanceId}/{groupId}/description": group({ shown: named, invalid: [{ body: {} }] }),
  "GET /api/groups/{instanceId}/{groupId}/participants": read({
    shown: here("has those as members who were named, in whatever spelling, and its creator as superadmin"),
  }),
  "POST /api/groups/{instanceId}/{groupId}/participants": group({ shown: members, invalid: people }),
  "DELETE /api/groups/{instanceId}/{groupId}/participants": group({
    answers: { data: { results: [{ status: 200 }] } },
    shown: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/promote": group({
    seen: async (world) => {
      if (!groupOf(world, world.group)?.isAdmin(world.bob.account)) throw new Error("Bob is no admin");
    },
    shown: members,
    invalid: people,
  }),
  "POST /api/groups/{instanceId}/{groupId}/demote": group({
    seen: async (world) => {
      if (groupOf(world, world.group)?.isAdmin(world.bob.account)) throw new Error("Bob is still an admin");
    },
    shown: members,
    invalid: people,
  }),
  "PUT /api/groups/{instanceId}/{groupId}/settings": group({
    shown: here("may write and change what the settings let it"),
    invalid: [{ body: {} }, { body: { ephemeral: 60 } }, { body: { announcement: "yes" } }],
  }),
  "POST /api/groups/{instanceId}/{groupId}/leave": group({
    with: ({ bob, owner }) => ({ params: { groupId: bob.createGroup("Away", [owner.number]).jid } }),
    shown: here("who leaves is out, and cannot leave again"),
    invalid: [{ params: { groupId: "x" } }],
  }),
  "GET /api/groups/{instanceId}/{groupId}/invite-code": read({ shown: here("lets others in until it is revoked") }),
  "POST /api/groups/{instanceId}/{groupId}/revoke-invite": read({ shown: here("lets others in until it is revoked") }),
  "GET /api/groups/{instanceId}/{groupId}/join-requests": read({ answers: { data: [] }, shown: asking }),
  "POST /api/groups/{instanceId}/{groupId}/join-requests": group({
    with: ({ carol }) => ({ body: { participants: [carol.jid], action: "approve" } }),
    answers: { data: { results: [{ error: "not_asking" }] } },
    shown: asking,
    invalid: [{ body: {} }, { body: { participants: ["6281234567890"], action: "ignore" } }],
  }),
  "PUT /api/groups/{instanceId}/{groupId}/picture": group({
    with: ({ files }) => ({ body: { image: files.url("/profile.jpg") } }),
    shown: picture,
    invalid: [{ body: {} }, { body: { image: "file:///etc/passwd" } }],
  }),
  "DELETE /api/groups/{instanceId}/{groupId}/picture": read({ shown: picture }),
  "POST /api/groups/{instanceId}/{groupId}/message": group({
    seen: arrives,
    shown: here("gets a message to the group, which is told of with its id"),
    invalid: [{ body: {} }, { body: { message: "" } }],
  }),
};
