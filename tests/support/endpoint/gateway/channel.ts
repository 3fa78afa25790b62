import { type Request, testIn } from "../case.ts";
import { bodiesOf, type GatewayCase, type GatewayCases, type GatewayFixture, holds, invalidParameter } from "./case.ts";

const channels = testIn("integration/broadcast/channels.test.ts");

const followed = channels("a channel is followed by id, link or code, listed, and unfollowed");
const muted = channels("a channel is muted until the requested time or an earlier unmute");
const ours = channels("a channel is created with a picture, renamed, and deleted for everyone");
/** The paths of Bob's channel and of the instance's own channel. */
const theirs = ({ channel }: GatewayFixture): Request => ({ params: { channelId: channel } });
const own = ({ made }: GatewayFixture): Request => ({
  params: { channelId: made.get("channel") ?? "120363999999999999" },
});
const channel = (one: GatewayCase): GatewayCase => ({ simulator: "channels", with: theirs, ...one });

export const channelCases: GatewayCases = {
  "GET /api/channels/{instanceId}": channel({ testedBy: followed, unconnected: 200 }),
  "POST /api/channels/{instanceId}": channel({
    with: () => ({ body: { name: "Ours", description: "about us" } }),
    answers: { data: { name: "Ours", role: "owner" } },
    effect: async ({ bob }, { body }) => bob.channels.follow(body.data.inviteCode),
    keep: ["data.id", "channel"],
    testedBy: ours,
    invalid: bodiesOf({}, { name: "x", picture: "nowhere" }),
  }),
  "GET /api/channels/{instanceId}/invite/{code}": channel({
    with: ({ bob, channel }) => ({ params: { code: bob.channels.find(channel).inviteCode } }),
    testedBy: followed,
    invalid: invalidParameter("code"),
  }),
  "GET /api/channels/{instanceId}/{channelId}": channel({
    answers: { data: { name: "News" } },
    testedBy: followed,
    invalid: invalidParameter("channelId"),
  }),
  "PUT /api/channels/{instanceId}/{channelId}": channel({
    with: (fixture) => ({ ...own(fixture), body: { name: "Ours anew" } }),
    effect: async ({ bob }) => holds(() => bob.channels.followed.some(({ name }) => name === "Ours anew")),
    testedBy: ours,
    invalid: bodiesOf({}, { name: " " }),
  }),
  "DELETE /api/channels/{instanceId}/{channelId}": channel({
    with: own,
    testedBy: ours,
    invalid: invalidParameter("channelId"),
  }),
  "GET /api/channels/{instanceId}/{channelId}/messages": channel({
    testedBy: channels("a channel post reaches the history and the webhook once, with its reactions, edits and file"),
    invalid: [{ params: { channelId: "120363999999999999" }, query: "limit=0" }],
  }),
  "POST /api/channels/{instanceId}/{channelId}/follow": channel({
    effect: async ({ owner, channel }) => holds(() => owner.channels.followed.some(({ jid }) => jid === channel)),
    testedBy: followed,
    invalid: invalidParameter("channelId"),
  }),
  "POST /api/channels/{instanceId}/{channelId}/unfollow": channel({
    effect: async ({ owner, channel }) => holds(() => !owner.channels.followed.some(({ jid }) => jid === channel)),
    testedBy: followed,
    invalid: invalidParameter("channelId"),
  }),
  "POST /api/channels/{instanceId}/{channelId}/mute": channel({
    with: (fixture) => {
      fixture.owner.channels.follow(fixture.channel);
      return theirs(fixture);
    },
    effect: async ({ owner, channel }) => holds(() => owner.channels.isMuted(channel)),
    testedBy: muted,
    invalid: [{ params: { channelId: "120363999999999999" }, body: { duration: 0 } }, ...invalidParameter("channelId")],
  }),
  "POST /api/channels/{instanceId}/{channelId}/unmute": channel({
    effect: async ({ owner, channel }) => holds(() => !owner.channels.isMuted(channel)),
    testedBy: muted,
    invalid: invalidParameter("channelId"),
  }),
};
