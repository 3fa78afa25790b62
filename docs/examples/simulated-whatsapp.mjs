// Links an unmodified Baileys to the simulated WhatsApp, and exchanges texts and a file with a simulated phone. Reads what
// `npm run whatsapp` prints from its environment.
import { readFileSync } from "node:fs";
import { Agent as HttpsAgent } from "node:https";
import { setTimeout } from "node:timers/promises";
import { downloadMediaMessage, makeWASocket, useMultiFileAuthState, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import pino from "pino";
import { Agent, Dispatcher1Wrapper } from "undici";

const { WHATSAPP_URL, WHATSAPP_ROOT_KEY, WHATSAPP_MEDIA_CA, WHATSAPP_MEDIA_HOST, WHATSAPP_CONTROL_URL } = process.env;
console.info = () => undefined; // libsignal prints keys
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(WHATSAPP_ROOT_KEY, "hex");
const ca = readFileSync(WHATSAPP_MEDIA_CA);
// Baileys downloads some files from WhatsApp's own host name.
const toSimulator = (dispatch) => (request, handler) => {
  const real = String(request.origin) === "https://mmg.whatsapp.net";
  return dispatch(real ? { ...request, origin: `https://${WHATSAPP_MEDIA_HOST}` } : request, handler);
};
const dispatcher = new Dispatcher1Wrapper(new Agent({ connect: { ca } }).compose(toSimulator));
const { state, saveCreds } = await useMultiFileAuthState(process.env.AUTH_FOLDER ?? "auth");

/** Calls the control API, for example to do what the owner of a phone does. */
async function control(path, body) {
  const headers = { "content-type": "application/json" };
  const init = body && { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(WHATSAPP_CONTROL_URL + path, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : await response.json();
}

const [alice, bob] = ["4915550000001", "4915550000002"];
await control("/phones", { number: alice, pushName: "Alice" });
// WhatsApp refuses a message to a number with 463 (rule `migrated_account_uses_lid`).
const { lid } = await control("/phones", { number: bob, pushName: "Bob" });

/** Sends a text. Baileys can fail to encrypt it while it handles the first message of the own phone, so this tries again. */
async function sendText(sock, to, text, tries = 5) {
  try {
    await sock.sendMessage(to, { text });
  } catch (error) {
    if (tries === 1) throw error;
    await setTimeout(500);
    await sendText(sock, to, text, tries - 1);
  }
}

function connect() {
  const sock = makeWASocket({
    auth: state,
    waWebSocketUrl: WHATSAPP_URL,
    fetchAgent: new HttpsAgent({ ca }), // uploads
    options: { dispatcher }, // downloads
    logger: pino({ level: "silent" }),
  });
  sock.ev.on("creds.update", saveCreds);
  sock.ev.on("connection.update", async ({ connection, qr, lastDisconnect }) => {
    if (qr) await control(`/phones/${alice}/scan`, { qr });
    // 515 ends the connection after linking.
    if (connection === "close" && lastDisconnect?.error?.output?.statusCode === 515) connect();
    if (connection === "open") {
      await sendText(sock, lid, "Hello, Bob");
      const received = await control(`/phones/${bob}/wait?text=Hello, Bob`);
      console.log(`Bob received: ${received.text}`);
      const data = Buffer.from("a file").toString("base64");
      await control(`/phones/${bob}/media`, { to: alice, kind: "document", data, fileName: "a.txt" });
    }
  });
  sock.ev.on("messages.upsert", async ({ messages }) => {
    for (const message of messages) {
      if (!message.message?.documentMessage) continue;
      const file = await downloadMediaMessage(message, "buffer", { options: { dispatcher } });
      console.log(`Alice received: ${file}`);
      await sock.end(undefined);
      process.exit(0);
    }
  });
}

connect();
