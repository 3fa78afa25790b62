// Follows the events of all instances. Continues where it was after a lost connection, and after a restart of this program.
// Run it with API and KEY, and optionally with FILE, which keeps the place: API=http://127.0.0.1:3000 KEY=… node follow-events.mjs
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const { API, KEY, FILE = "last-event-id" } = process.env;
let lastEventId = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";

/** Handle an event here. If it throws, the event comes again. */
function handle(event) {
  console.log(event.seq, event.type, event.instanceId);
}

async function follow() {
  const headers = { "x-api-key": KEY, ...(lastEventId && { "last-event-id": lastEventId }) };
  const response = await fetch(`${API}/api/events/stream`, { headers });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
      const data = field("data");
      // Blocks with `event:` are about the stream itself: `missing` and `closing`.
      if (data && !field("event")) handle(JSON.parse(data));
      else if (data) console.error(field("event"), data);
      lastEventId = field("id") ?? lastEventId;
      writeFileSync(FILE, lastEventId);
    }
  }
}

for (;;) {
  await follow().catch((error) => console.error(error.message));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
}
