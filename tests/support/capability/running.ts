import type { NamedTest } from "./define.ts";

/** A case that people who run WhatsApp gateways meet. */
export interface RunningCase {
  /** What somebody does, or what goes wrong. */
  name: string;
  /** Threads about the case: `<name of the repository>#<number>`, or "found by trying". */
  source: string;
  /** What happens now. */
  now: string;
  /** The tests that show it. Those in `tests/fault` and `tests/debian` run in `.ci/run`. */
  tests: readonly [NamedTest, ...NamedTest[]];
}

const settings = "tests/integration/session/incoming-settings.test.ts";
const upload = "tests/integration/media/upload.test.ts";
const chats = "tests/integration/contact/chats.test.ts";
const polls = "tests/integration/message/polls-and-calendar-events.test.ts";
const recovery = "tests/fault/recovery.test.ts";
const accountSettings = "tests/slow/session/account-settings.test.ts";
const retention = "tests/webhook/retention.test.ts";

/** The cases in the order of the page. */
export const runningCases: readonly RunningCase[] = [
  {
    name: "Start as root in a folder that other users can't enter, such as `/root`",
    source: "found by trying",
    now: "works: the embedded Postgres runs as another user, with one capability to enter the folder",
    tests: [
      "tests/local/postgres.test.ts > PostgreSQL's programs run from a folder that only its owner can enter, with spaces and umlauts in its path",
    ],
  },
  {
    name: "Start with a data folder of mode 755, as Docker makes it",
    source: "go-whatsapp-web-multidevice#379",
    now: "the gateway sets the mode to 700, and says so",
    tests: [
      "tests/local/data-dir.test.ts > a folder of this user that other users can enter is made private, with one message",
    ],
  },
  {
    name: "Open media links and uploads from another machine or container",
    source: "waha#782, waha#1884",
    now: "links lead through the API: to `PUBLIC_URL`, or to the URL at which the caller reached it; never to `127.0.0.1` for a remote caller",
    tests: [
      `${upload} > begin with the URL at which the caller reached the gateway, and never name this machine behind a proxy`,
      `${upload} > allow one upload of the announced size, whose file can be read in parts by a link for reading only`,
      "tests/unit/core/reached-url.test.ts > the links in webhooks begin with PUBLIC_URL, else with an address of the machine, and a warning names the setting",
    ],
  },
  {
    name: "Receive webhooks slowly, such as with a language model",
    source: "waha#53, evolution-api#1341",
    now: "each endpoint has its own time limit, number of retries and interval",
    tests: [
      "tests/webhook/endpoints.test.ts > each endpoint has its own time limit, retry count and retry interval",
      "tests/webhook/endpoints.test.ts > an endpoint with a long time limit is served from its backlog, by a run that has time for a whole attempt",
    ],
  },
  {
    name: "Receive webhooks on a private network",
    source: "evolution-api#1792",
    now: "works with `EGRESS_ALLOW`; without it, the error names the setting",
    tests: [
      "tests/webhook/egress.test.ts > a name that does not resolve is a failed connection, and the error names the setting for private networks",
      "tests/api/webhook/gateway-webhook.test.ts > a test delivery is limited to allowed URLs and documented events",
      "tests/webhook/deliver.test.ts > a private address that is not allowed is blocked, and the block is logged as an attempt",
    ],
  },
  {
    name: "Call the API behind a reverse proxy, and watch its health",
    source: "wwebjs-api#47",
    now: "health is never counted for the rate limit; `TRUSTED_PROXIES` distinguishes callers",
    tests: [
      "tests/api/access/proxy.test.ts > health is not counted for the rate limit",
      "tests/api/access/proxy.test.ts > the rate limit counts the clients of a trusted proxy apart, and those of another proxy together",
    ],
  },
  {
    name: "Keep the phone's notifications",
    source: "evolution-api#2469, waha#412, Baileys#2553",
    now: "connections are offline by default; `presence` is a setting of each instance that outlasts reconnects",
    tests: [
      "tests/slow/session/online-state.test.ts > the presence setting shows the account online after linking, reconnecting and restarting, with any name",
    ],
  },
  {
    name: "Link another number to an instance",
    source: "evolution-api#1169",
    now: "the former account's data is removed before the new account's arrives",
    tests: [
      "tests/integration/session/former-account.test.ts > shows nothing of the former account after another number is linked",
      "tests/integration/session/former-account.test.ts > keeps everything if the same number is linked again",
    ],
  },
  {
    name: "Send a field that doesn't exist",
    source: "evolution-api#1629, waha#1366",
    now: "400 `invalid_request` names the field and the nearest known one",
    tests: [
      "tests/unit/core/unknown-field.test.ts > in a record with a list of names is named with the nearest name",
      "tests/unit/core/unknown-field.test.ts > in the input of a command is named with the place of the input",
    ],
  },
  {
    name: "Get calls, groups and status posts on the Multi-Instance API",
    source: "go-whatsapp-web-multidevice#559",
    now: "an endpoint gets them if it chooses them",
    tests: [
      `${settings} > an endpoint of the Multi-Instance API gets calls, groups and status posts if it chooses them`,
    ],
  },
  {
    name: "Use pgbouncer in session or transaction mode",
    source: "haip#299",
    now: "works; `npm start` and session hosts detect it, and `DATABASE_POOLER` sets the mode",
    tests: [
      "tests/debian/pgbouncer-transaction.test.ts > a gateway detects pgbouncer that pools transactions, and works with six connections",
      "tests/debian/pgbouncer-session.test.ts > a gateway with DATABASE_POOLER=session works behind pgbouncer that pools sessions",
    ],
  },
  {
    name: "Call the API from a web page (CORS)",
    source: "whatsapp-api-nodejs#725",
    now: "works for the origins in `CORS_ORIGINS`; others are refused with an error that names the setting",
    tests: [
      "tests/api/access/browser.test.ts > may ask before a request, without credentials and without being counted",
      "tests/api/access/browser.test.ts > is no other page: an origin that differs in scheme, host or port is refused, and the error names the setting",
    ],
  },
  {
    name: "Archive, pin, mute, mark as unread, delete or clear a chat",
    source: "waha#498, go-whatsapp-web-multidevice#500",
    now: "endpoints for each; the phone sees it",
    tests: [`${chats} > %s %o is visible at once, then on the phone and on other devices`],
  },
  {
    name: "See unread counts and filter the chat list",
    source: "waha#575, waha#1709",
    now: "the list has the state of each chat, and filters",
    tests: [`${chats} > counts messages, and neither reactions nor own messages nor deleted messages`],
  },
  {
    name: "Set the name of the linked device",
    source: "OpenWA#822, waha#2152, Baileys#2769",
    now: "`deviceName` of each instance; pairing codes still work",
    tests: [
      `${accountSettings} > the phone shows the device name of an instance under linked devices`,
      "tests/integration/session/link.test.ts > a pairing code that the owner enters on the phone links the instance",
    ],
  },
  {
    name: "Use a proxy for each instance",
    source: "waha#1771, evolution-go#123",
    now: "`proxy` of each instance, for all its connections to WhatsApp",
    tests: [
      `${accountSettings} > takes effect when it changes, and its failure is the reason of the instance, without a direct connection`,
    ],
  },
  {
    name: "Ignore groups, status posts and channels",
    source: "waha#1142, waha#1259, evolution-api#438",
    now: "`ignore` of each instance",
    tests: [`${settings} > hides messages of %s at once, and the session still acknowledges them`],
  },
  {
    name: "Reject calls with an answer",
    source: "waha#1694, go-whatsapp-web-multidevice#559",
    now: "`rejectCalls` of each instance",
    tests: [`${settings} > answers each caller once in the period, and no call to a group`],
  },
  {
    name: "Use several webhooks, and choose their events",
    source: "go-whatsapp-web-multidevice#232, go-whatsapp-web-multidevice#350",
    now: "up to ten endpoints per instance, each with its events and filters",
    tests: [
      "tests/webhook/endpoints.test.ts > an endpoint gets only the events that its list and its filters let through",
    ],
  },
  {
    name: "Show typing before a message, or delay it",
    source: "waha#1414, OpenWA#106",
    now: "`typing` and `delay` of each send",
    tests: ["tests/integration/message/gateway-chat.test.ts > the recipient sees typing before %s of %s"],
  },
  {
    name: "Mention all members of a group, and send stickers",
    source: "waha#1377, waha#1287",
    now: "`mentionAll`, and `sticker` as a kind of media",
    tests: [
      `${polls} > all members of a group are mentioned, %s`,
      "tests/debian/gif-and-sticker.test.ts > %s becomes a sticker within the limits of WhatsApp's apps",
    ],
  },
  {
    name: "Watch single instances",
    source: "waha#2244",
    now: "`METRICS_INSTANCES` adds metrics of the busiest instances; a dashboard for Grafana shows them",
    tests: [
      "tests/slow/fleet-operations.test.ts > a host shows the connection and the messages of its busiest instances",
      "tests/unit/core/metric.test.ts > have one label, and only the busiest instances have them",
      "tests/unit/core/metric.test.ts > the Grafana dashboard shows every metric, and no metric that doesn't exist",
    ],
  },
  {
    name: "Delete old messages and files",
    source: "waha#592",
    now: "`RETENTION_…` settings, and shorter times of users and instances",
    tests: [
      `${retention} > the shortest time of the settings, the user and the instance applies to messages and their files`,
      `${retention} > files are deleted before their messages, and the stored bytes follow`,
    ],
  },
  {
    name: "Trust an authority of one's own, and use TLS for webhooks and Postgres",
    source: "found by trying",
    now: "`NODE_EXTRA_CA_CERTS` and `sslmode` are in the settings; an untrusted certificate is an error that begins with `tls:`",
    tests: [
      "tests/contract/docs.test.ts > .env.example and the environment page equal the output of `npm run docs`",
      "tests/webhook/egress.test.ts > TLS requires a trusted certificate for the name in the URL",
    ],
  },
  {
    name: "Kill the gateway while it sends webhooks",
    source: "found by trying",
    now: "after a restart, the last webhooks arrive within 15 s instead of 82 s",
    tests: [
      `${recovery} > webhooks that were under way at kill -9 arrive within 15 s of the restart`,
      `${recovery} > sends, bulks, commands over SQS, replies and event queues go on within 15 s of a restart after kill -9`,
    ],
  },
  {
    name: "Send a CSV, JSON or vCard file with its type",
    source: "found by trying",
    now: "the name tells the type where the content doesn't",
    tests: [`${upload} > a text file arrives with the type that its name tells`],
  },
  {
    name: "Run on Kubernetes",
    source: "found by trying",
    now: "manifests in `deploy/kubernetes`, checked against the schema of Kubernetes; not tried on a cluster",
    tests: [
      "tests/contract/kubernetes.test.ts > the Kubernetes manifests match the schema of Kubernetes, which rejects unknown and missing fields",
    ],
  },
  {
    name: "Upgrade from the version before",
    source: "found by trying",
    now: "all data is kept, and linked instances need no new scan",
    tests: [
      "tests/slow/upgrade.test.ts > data of the version before is complete in this version, and its linked instance goes on without a new scan",
      "tests/host/migrations.test.ts > each migration works on a database with rows in all tables, and keeps the rows",
    ],
  },
];
