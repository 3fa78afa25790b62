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

/** While arrivals are told in bulk. */
const bulkMs = 50;
const accounts: Account[] = [];
let begun: TimesByText = [];
let arrived: [string, number][] = [];
let telling = false;
let atOnce = true;

const tell = (message: Outgoing) => process.send?.(message);

function handlersOf(account: number): AccountHandlers {
  return {
    onQr: (qr) => tell({ qr, account }),
    onProblem: (problem) => tell({ problem }),
    onText(text) {
      arrived.push([text, now()]);
      if (telling) return;
      telling = true;
      if (atOnce) setImmediate(tellArrived);
      else setTimeout(tellArrived, bulkMs);
    },
  };
}

function tellArrived(): void {
  tell({ arrived });
  arrived = [];
  telling = false;
}

async function send({ account, peer, text }: Text): Promise<void> {
  const startedAt = now();
  try {
    await accounts[account]?.sock.sendMessage(`${peer}@s.whatsapp.net`, { text, linkPreview: null });
    begun.push([text, { startedAt, answeredAt: now() }]);
  } catch (error) {
    tell({ problem: `bare Baileys could not send: ${error}` });
  }
}

function take(): TimesByText {
  const taken = begun;
  begun = [];
  return taken;
}

async function answer(request: Request): Promise<unknown> {
  switch (request.ask) {
    case "link": {
      const account = new Account(url, handlersOf(request.account));
      accounts[request.account] = account;
      return await account.connect();
    }
    case "flood":
      await inLanes(request.texts, request.callers, send);
      return take();
    case "times":
      return take();
    case "tellAtOnce":
      atOnce = request.atOnce;
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
  answer(message).then(
    (value) => tell({ answer: message.id, value }),
    (error: unknown) => tell({ answer: message.id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
tell({ ready: true });
