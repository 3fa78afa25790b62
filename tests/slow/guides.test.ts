import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Control, startControl } from "../../simulator/control/server.ts";
import { read } from "../support/docs/markdown.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { png } from "../support/media/png.ts";
import { type FileServer, startFileServer } from "../support/network/file-server.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

/** The pages whose commands run here, in this order: the last ones change the instance for good. */
const pages = [
  "chats",
  "history-and-search",
  "sending",
  "files",
  "live-events",
  "users",
  "bulk-without-bans",
  "simulator",
  "privacy",
  "account-settings",
];

const [ALICE, BOB] = ["4915550000001", "4915550000002"];

let gate: TestGateway;
let control: Control;
let files: FileServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let id: string;
let eventId: string;

beforeAll(async () => {
  gate = await startTestGateway();
  control = await startControl(gate.wa);
  folder = await temporaryFolder();
  files = await startFileServer({ "/a.png": { body: png(), type: "image/png" } });
  const alice = await gate.wa.addPhone({ number: ALICE, pushName: "Alice" });
  const bob = await gate.wa.addPhone({ number: BOB, pushName: "Bob" });
  id = await gate.linked(alice);
  await bob.sendText(ALICE, "Hello Alice");
  const event = await bob.surveys.event(ALICE, {
    name: "Lunch",
    startTime: Math.floor(Date.now() / 1000) + 86_400,
    extraGuestsAllowed: true,
  });
  eventId = event.id;
  await until(async () => (await gate.db.sql`select from messages where wa_id = ${eventId}`)[0]);
});
afterAll(async () => {
  await control?.stop();
  await files?.stop();
  await gate?.stop();
  await folder?.remove();
});

/**
 * What the commands of a page use. `call` fails for an error, and repeats a request that conflicts with one that has just
 * been made. A reader takes ids and URLs from responses: `last`, `url` and `receipt` do.
 */
const shell = `
set -euo pipefail
curl() {
  case " $* " in *" -N "*) command curl -m 2 "$@" || [ $? = 28 ];; *) command curl -f "$@";; esac
}
request() {
  command curl -sS -o response -w '%{http_code}' -H "x-api-key: $KEY" -H 'content-type: application/json' "$@"
}
call() {
  printf '%s\\0' "$@" > request
  for attempt in $(seq 60); do
    code=$(request "$@")
    [ "$code" = 409 ] || break
    sleep 0.5
  done
  cat response >> responses; echo >> responses
  [ "$code" -lt 400 ] || { echo "$code for $*: $(cat response)" >&2; exit 1; }
}
field() { grep -oE "\\"($1)\\":\\"[^\\"]*\\"" "$2" | sed -E 's/^[^:]*:"(.*)"$/\\1/'; }
last() { field 'messageId|id' response | head -1; }
receipt() { field receipt responses | tail -1; }
url() {
  for attempt in $(seq 240); do
    mapfile -d '' args < request; request "\${args[@]}" > code
    if field url response | grep -q .; then field url response | head -1; return; fi
    sleep 0.5
  done
  exit 1
}
`;

/** Returns the shell commands of a page, with the values that a reader fills in. */
function commandsOf(page: string): string {
  const blocks = [...read(`docs/guides/${page}.md`).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
  // The other commands of the page start and break things.
  const chosen = page === "simulator" ? blocks.filter((block) => block.includes("ALICE=")) : blocks;
  return chosen
    .join("\n")
    .replaceAll("<id of the event>", eventId)
    .replaceAll(/<(?:id|ID)\b[^>]*>/g, "$(last)")
    .replaceAll(/<url\b[^>]*>/g, "$(url)")
    .replaceAll(/<receipt\b[^>]*>/g, "$(receipt)")
    .replaceAll("https://example.com/a.png", files.url("/a.png"))
    .replaceAll("wait=20", "wait=1");
}

test.each(pages)(
  "the commands on the page docs/guides/%s.md work as they are written",
  async (page) => {
    const commands = commandsOf(page);
    expect(commands).toContain("call ");
    expect(commands, "an unknown placeholder").not.toMatch(/<[a-z]+ [^>]*>/);
    const env = {
      ...process.env,
      ...{ API: gate.gateway.url, KEY: gate.gateway.firstAdmin?.apiKey.key, ID: id, CONTROL: control.url },
    };
    const options = { env, cwd: folder.path, timeout: 180_000 };
    const { stderr } = await promisify(execFile)("bash", ["-c", `${shell}\n${commands}`], options).catch(
      (error: { stderr?: string }) => ({ stderr: `failed: ${error.stderr}` }),
    );
    expect(stderr).not.toMatch(/^failed/);
  },
  200_000,
);
