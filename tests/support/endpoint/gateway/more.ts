import { startCall } from "../../../../simulator/phone/owner/call.ts";
import { makeCommunity } from "../../../../simulator/phone/owner/community.ts";
import { labelsOf } from "../../../../simulator/phone/owner/labels.ts";
import { mp4 } from "../../media/mp4.ts";
import { oggOpus } from "../../media/ogg-opus.ts";
import { until } from "../../until.ts";
import { type Request, testIn } from "../suite.ts";
import { arrives, type GatewayCase, type GatewayCases, holds, type World } from "./case.ts";

const events = testIn("integration/message/polls-and-calendar-events.test.ts");
const chat = testIn("integration/message/gateway-chat.test.ts");
const labels = testIn("integration/contact/labels.test.ts");
const channels = testIn("integration/broadcast/channels.test.ts");
const communities = testIn("integration/group/communities.test.ts");
const media = testIn("integration/media/conversion.test.ts");
const webhooks = testIn("integration/event/webhooks.test.ts");
const fleet = testIn("integration/fleet/operations.test.ts");

const bodies = (...some: object[]): Request[] => some.map((body) => ({ body }));
const nowhere = (name: string): Request[] => [{ params: { [name]: "x" } }];

const phoneLabels =
  "setting the labels of a chat replaces them in the API and on the phone, for every form of the chat id";
const changed = labels(
  "a label that the API creates, changes or deletes is so at once in the API and then on the phone",
);
const labelId = ({ made }: World) => made.get("label") ?? "1";
const label = (world: World): Request => ({ params: { labelId: labelId(world) } });

const followed = channels("a channel is followed by id, link or code, listed, and unfollowed");
const muted = channels("a channel is muted until the requested time or an earlier unmute");
const ours = channels("a channel is created with a picture, renamed, and deleted for everyone");
/** A channel of Bob's, and one of ours. */
const theirs = ({ channel }: World): Request => ({ params: { channelId: channel } });
const own = ({ made }: World): Request => ({ params: { channelId: made.get("channel") ?? "120363999999999999" } });
const channel = (one: GatewayCase): GatewayCase => ({ simulator: "channels", with: theirs, ...one });

const anew = communities(
  "a new community has an announcement group for admins and a general group, and is listed as a community",
);
const linked = communities("a group is linked and unlinked, and its members stay in both");
const described = communities(
  "a new name and description apply to the community, and the name to its announcement group",
);
const inCommunity = ({ made }: World) => ({ communityId: made.get("community") ?? "120363999999999999@g.us" });
const community = (one: GatewayCase): GatewayCase => ({
  simulator: "communities",
  with: (world) => ({ params: inCommunity(world) }),
  ...one,
});
/** The group of the world comes into the community, and leaves it again. */
const link = (world: World): Request => ({ params: inCommunity(world), body: { groupId: world.group } });

const rejected = webhooks(
  "an incoming call causes a webhook, is listed, and can be rejected, which the caller and the owner's phone see",
);
async function ringing({ gate, bob, owner, connected }: World): Promise<Request> {
  const call = startCall(bob, owner.number);
  await until(async () => {
    const { body } = await gate.api("GET", `/api/calls/${connected}`);
    return body.data.some(({ callId }: { callId: string }) => callId === call.id) || undefined;
  });
  return { params: { callId: call.id } };
}

const converted = media("a conversion returns a file that can be downloaded, sent and converted again");
const inline = (bytes: Buffer, mimeType: string) => ({
  with: () => ({ body: { filePath: undefined, base64: bytes.toString("base64"), mimeType } }),
  answers: { data: { size: bytes.length } },
  testedBy: converted,
  invalid: bodies({}, { filePath: "/path/to/audio.mp3" }, { base64: "" }),
  unconnected: 200,
});

export const moreCases: GatewayCases = {
  "POST /api/events/{instanceId}": {
    effect: arrives,
    simulator: "polls and events",
    testedBy: events("a calendar event arrives with all fields of the document's example"),
    invalid: bodies({}, { to: "6281234567890", event: "funeral", name: "x", startTime: "2025-12-25T18:00:00Z" }),
  },
  "GET /api/message/{instanceId}/{messageId}/responses": {
    with: ({ made }) => ({ params: { messageId: made.get("poll") ?? "" } }),
    answers: { data: { type: "poll", options: [{ name: "Red", voters: [] }, {}, {}] } },
    simulator: "polls and events",
    testedBy: events("the last vote of each person counts, and each vote causes a webhook"),
    invalid: [{ query: "chatId=nobody" }],
    whileUnconnected: () => ({ params: { messageId: "3EB0" } }),
    unconnected: 404,
  },
  "PUT /api/message/{instanceId}/{messageId}": {
    with: ({ sent }) => ({ params: { messageId: sent }, body: { message: "Hello, edited!" } }),
    effect: ({ bob, sent }) => holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.text === "Hello, edited!"),
    simulator: "fate",
    testedBy: chat("an edit changes the text on the recipient's phone and in the history"),
    invalid: bodies({}, { message: "" }),
  },
  "GET /api/labels/{instanceId}": {
    simulator: "labels",
    testedBy: labels("the predefined labels and their chats are listed after the first synchronization"),
    unconnected: 409,
  },
  "POST /api/labels/{instanceId}": {
    effect: async ({ owner }) => holds(() => labelsOf(owner).some(({ name }) => name === "Important")),
    keep: ["data.id", "label"],
    simulator: "labels",
    testedBy: changed,
    invalid: bodies({}, { name: "x", color: 20 }),
  },
  "PUT /api/labels/{instanceId}/{labelId}": {
    with: label,
    effect: async ({ owner }) => holds(() => labelsOf(owner).some(({ name }) => name === "Very Important")),
    simulator: "labels",
    testedBy: changed,
    invalid: bodies({}, { color: -1 }),
  },
  "DELETE /api/labels/{instanceId}/{labelId}": {
    absent: {},
    with: label,
    effect: async ({ owner }) => holds(() => !labelsOf(owner).some(({ name }) => name === "Very Important")),
    simulator: "labels",
    testedBy: changed,
  },
  "GET /api/labels/{instanceId}/chats/{chatId}": {
    simulator: "labels",
    testedBy: labels(phoneLabels),
    invalid: [{ params: { chatId: "nobody" } }],
    unconnected: 409,
  },
  "PUT /api/labels/{instanceId}/chats/{chatId}": {
    with: (world) => ({ body: { labelIds: [labelId(world)] } }),
    answers: { data: { labels: [{ name: "Very Important" }] } },
    simulator: "labels",
    testedBy: labels(phoneLabels),
    invalid: bodies({}, { labelIds: "1" }),
  },
  "GET /api/labels/{instanceId}/{labelId}/chats": {
    absent: {},
    with: label,
    answers: { data: [{ id: "6281234567890@s.whatsapp.net" }] },
    simulator: "labels",
    testedBy: labels(phoneLabels),
    unconnected: 409,
  },
  "POST /api/media/{instanceId}/convert/voice": { ...inline(oggOpus(3), "audio/ogg"), keep: ["data.filePath", "file"] },
  "POST /api/media/{instanceId}/convert/video": inline(
    mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }),
    "video/mp4",
  ),
  "GET /api/media/{instanceId}/{filePath}": {
    with: ({ made }) => ({ params: { filePath: made.get("file") ?? "0".repeat(32) } }),
    testedBy: converted,
    invalid: nowhere("filePath"),
    unconnected: 400,
  },
  "GET /api/channels/{instanceId}": channel({ testedBy: followed, unconnected: 200 }),
  "POST /api/channels/{instanceId}": channel({
    with: () => ({ body: { name: "Ours", description: "about us" } }),
    answers: { data: { name: "Ours", role: "owner" } },
    effect: async ({ bob }, { body }) => bob.channels.follow(body.data.inviteCode),
    keep: ["data.id", "channel"],
    testedBy: ours,
    invalid: bodies({}, { name: "x", picture: "nowhere" }),
  }),
  "GET /api/channels/{instanceId}/invite/{code}": channel({
    with: ({ bob, channel }) => ({ params: { code: bob.channels.find(channel).inviteCode } }),
    testedBy: followed,
    invalid: nowhere("code"),
  }),
  "GET /api/channels/{instanceId}/{channelId}": channel({
    answers: { data: { name: "News" } },
    testedBy: followed,
    invalid: nowhere("channelId"),
  }),
  "PUT /api/channels/{instanceId}/{channelId}": channel({
    with: (world) => ({ ...own(world), body: { name: "Ours anew" } }),
    effect: async ({ bob }) => holds(() => bob.channels.followed.some(({ name }) => name === "Ours anew")),
    testedBy: ours,
    invalid: bodies({}, { name: " " }),
  }),
  "DELETE /api/channels/{instanceId}/{channelId}": channel({
    with: own,
    testedBy: ours,
    invalid: nowhere("channelId"),
  }),
  "GET /api/channels/{instanceId}/{channelId}/messages": channel({
    testedBy: channels("a channel post reaches the history and the webhook once, with its reactions, edits and file"),
    invalid: [{ params: { channelId: "120363999999999999" }, query: "limit=0" }],
  }),
  "POST /api/channels/{instanceId}/{channelId}/follow": channel({
    effect: async ({ owner, channel }) => holds(() => owner.channels.followed.some(({ jid }) => jid === channel)),
    testedBy: followed,
    invalid: nowhere("channelId"),
  }),
  "POST /api/channels/{instanceId}/{channelId}/unfollow": channel({
    effect: async ({ owner, channel }) => holds(() => !owner.channels.followed.some(({ jid }) => jid === channel)),
    testedBy: followed,
    invalid: nowhere("channelId"),
  }),
  "POST /api/channels/{instanceId}/{channelId}/mute": channel({
    with: (world) => {
      world.owner.channels.follow(world.channel);
      return theirs(world);
    },
    effect: async ({ owner, channel }) => holds(() => owner.channels.isMuted(channel)),
    testedBy: muted,
    invalid: [{ params: { channelId: "120363999999999999" }, body: { duration: 0 } }, ...nowhere("channelId")],
  }),
  "POST /api/channels/{instanceId}/{channelId}/unmute": channel({
    effect: async ({ owner, channel }) => holds(() => !owner.channels.isMuted(channel)),
    testedBy: muted,
    invalid: nowhere("channelId"),
  }),
  "GET /api/communities/{instanceId}": community({ testedBy: anew }),
  "POST /api/communities/{instanceId}": community({
    with: () => ({ body: { name: "Our world", description: "all of us" } }),
    keep: ["data.id", "community"],
    testedBy: anew,
    invalid: bodies({}, { name: " " }),
  }),
  "GET /api/communities/{instanceId}/{communityId}": community({
    answers: { data: { name: "Our world", description: "all of us" } },
    testedBy: anew,
    invalid: nowhere("communityId"),
  }),
  "POST /api/communities/{instanceId}/{communityId}/groups": community({
    with: (world) => ({ params: inCommunity(world), body: { name: "Talk", participants: [world.bob.jid] } }),
    answers: { data: { results: [{ status: 200 }] } },
    testedBy: communities(
      "a group that is created in a community adds its members to the community, with one result for each",
    ),
    invalid: bodies({}, { name: "x", participants: ["nobody"] }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/groups": community({
    with: link,
    testedBy: linked,
    invalid: bodies({}, { groupId: "6281234567890" }),
  }),
  "DELETE /api/communities/{instanceId}/{communityId}/groups": community({
    with: link,
    testedBy: linked,
    invalid: bodies({}, { groupId: "6281234567890" }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/name": community({
    with: (world) => ({ params: inCommunity(world), body: { name: "Our new world" } }),
    testedBy: described,
    invalid: bodies({}, { name: "" }),
  }),
  "PUT /api/communities/{instanceId}/{communityId}/description": community({
    with: (world) => ({ params: inCommunity(world), body: { description: "" } }),
    testedBy: described,
    invalid: bodies({}, { description: "x".repeat(2049) }),
  }),
  "GET /api/communities/{instanceId}/{communityId}/invite-code": community({
    testedBy: communities("an announcement reaches members who joined by the invite, and only admins can send one"),
    invalid: nowhere("communityId"),
  }),
  "POST /api/communities/{instanceId}/{communityId}/leave": community({
    with: ({ bob, owner }) => {
      const theirs = makeCommunity(bob, "Bob's world");
      owner.followInvite(theirs.inviteCode);
      return { params: { communityId: theirs.jid } };
    },
    testedBy: communities("a member sees a community with all of its groups, and leaves all of them together"),
    invalid: nowhere("communityId"),
  }),
  "GET /api/calls/{instanceId}": { simulator: "calls", testedBy: rejected },
  "POST /api/calls/{instanceId}/{callId}/reject": {
    absent: {},
    with: ringing,
    whileUnconnected: () => ({}),
    answers: { data: { from: "6281234567890@s.whatsapp.net" } },
    simulator: "calls",
    testedBy: rejected,
  },
  "POST /api/observability/stop": {
    answers: { data: { stopped: true } },
    effect: ({ gate, owner }) => holds(() => gate.wa.device(owner.number).sockets.open === 0),
    simulator: "connection",
    testedBy: fleet("stopped hosts serve nothing, log no instance out, and stay stopped after a restart"),
  },
  "POST /api/observability/restart": {
    answers: { data: { stopped: false } },
    effect: ({ gate, connected }) => gate.status(connected, "connected"),
    simulator: "connection",
    testedBy: fleet("a single host restarts with new sockets, and messages that are sent meanwhile go out once"),
  },
};
