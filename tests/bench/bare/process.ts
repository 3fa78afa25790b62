import { readFileSync, writeFileSync } from "node:fs";
import { BufferJSON, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { now } from "../clock.ts";
import { inLanes, type Text } from "../subject.ts";
import { Account, type AccountHandlers, type AccountState } from "./account.ts";
import type { Incoming, Outgoing, Request, TimesByText } from "./protocol.ts";

// libsignal prints sessions, private keys included.
console.info = console.warn = () => undefined;

const { url, rootKey } = JSON.parse(process.argv[2] ?? "") as { url: string; rootKey: string };
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey, "hex");

/** Interval of reports in milliseconds while arrivals are reported in batches. */
const batchMs = 50;
const accounts: Account[] = [];
let sentTimes: TimesByText = [];
let arrived: [string, number][] = [];
let reportPending = false;
let immediately = true;

const report = (message: Outgoing) => process.send?.(message);

function handlersOf(account: number): AccountHandlers {
  return {
    onQr: (qr) => report({ qr, account }),
    onProblem: (problem) => report({ problem }),
    onText(text) {
      arrived.push([text, now()]);
      if (reportPending) return;
      reportPending = true;
      if (immediately) setImmediate(reportArrivals);
      else setTimeout(reportArrivals, batchMs);
    },
  };
}

function reportArrivals(): void {
  report({ arrived });
  arrived = [];
  reportPending = false;
}

async function send({ account, peer, text }: Text): Promise<void> {
  const startedAt = now();
  try {
    const sock = accounts[account]?.sock;
    const lid = await sock?.signalRepository.lidMapping.getLIDForPN(`${peer}@s.whatsapp.net`);
    // WhatsApp refuses messages to numbers (see `migrated_account_uses_lid` in simulator/rule/address.ts).
    if (sock && lid) await sock.sendMessage(lid, { text, linkPreview: null });
    sentTimes.push([text, { startedAt, answeredAt: now() }]);
  } catch (error) {
    report({ problem: `bare Baileys could not send: ${error}` });
  }
}

function takeTimes(): TimesByText {
  const times = sentTimes;
  sentTimes = [];
  return times;
}

async function handle(request: Request): Promise<unknown> {
  switch (request.name) {
    case "link": {
      const account = new Account(url, handlersOf(request.account));
      accounts[request.account] = account;
      return await account.connect();
    }
    case "flood":
      await inLanes(request.texts, request.callers, send);
      return takeTimes();
    case "times":
      return takeTimes();
    case "reportImmediately":
      immediately = request.immediately;
      return undefined;
    case "save":
      return writeFileSync(
        request.file,
        JSON.stringify(
          accounts.map((account) => account.state),
          BufferJSON.replacer,
        ),
      );
    case "load": {
      const states = JSON.parse(readFileSync(request.file, "utf8"), BufferJSON.reviver) as AccountState[];
      for (const [index, state] of states.entries()) accounts[index] = new Account(url, handlersOf(index), state);
      return await inLanes(accounts, 8, (account) => account.connect());
    }
  }
}

process.on("message", (message: Incoming) => {
  if ("send" in message) {
    void send(message.send);
    return;
  }
  handle(message).then(
    (value) => report({ answer: message.id, value }),
    (error: unknown) => report({ answer: message.id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
report({ ready: true });
