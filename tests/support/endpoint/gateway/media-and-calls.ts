import { startCall } from "../../../../simulator/phone/owner/call.ts";
import { mp4 } from "../../media/mp4.ts";
import { oggOpus } from "../../media/ogg-opus.ts";
import { until } from "../../until.ts";
import { type Request, testIn } from "../case.ts";
import { bodiesOf, type GatewayCases, type GatewayFixture, invalidParameter } from "./case.ts";

const media = testIn("integration/media/conversion.test.ts");
const webhooks = testIn("integration/event/webhooks.test.ts");

const rejected = webhooks(
  "an incoming call causes a webhook, is listed, and can be rejected, which the caller and the owner's phone see",
);
async function ringing({ gate, bob, owner, connected }: GatewayFixture): Promise<Request> {
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
  invalid: bodiesOf({}, { filePath: "/path/to/audio.mp3" }, { base64: "" }),
  unconnected: 200,
});

export const mediaAndCallCases: GatewayCases = {
  "POST /api/media/{instanceId}/convert/voice": { ...inline(oggOpus(3), "audio/ogg"), keep: ["data.filePath", "file"] },
  "POST /api/media/{instanceId}/convert/video": inline(
    mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }),
    "video/mp4",
  ),
  "GET /api/media/{instanceId}/{filePath}": {
    with: ({ made }) => ({ params: { filePath: made.get("file") ?? "0".repeat(32) } }),
    testedBy: converted,
    invalid: invalidParameter("filePath"),
    unconnected: 400,
  },
  "GET /api/calls/{instanceId}": { simulator: "calls", testedBy: rejected },
  "POST /api/calls/{instanceId}/{callId}/reject": {
    absent: {},
    with: ringing,
    whileUnconnected: () => ({}),
    answers: { data: { from: "6281234567890@s.whatsapp.net" } },
    simulator: "calls",
    testedBy: rejected,
  },
};
