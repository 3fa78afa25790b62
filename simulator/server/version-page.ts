import type { IncomingMessage, ServerResponse } from "node:http";
import type { ClientVersions } from "../model/link/client-version.ts";

/** Serves `/sw.js`, in which Baileys looks up the version of WhatsApp Web (`fetchLatestWaWebVersion` in Utils/generics.js). */
export function serveVersionPage(versions: ClientVersions, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "GET" || request.url !== "/sw.js") {
    response.writeHead(426).end();
    return;
  }
  versions.pages++;
  const fault = versions.pageFaults.take();
  if (fault === "hang") return;
  const revision = `{\\"client_revision\\":${versions.published[2]}}`;
  const { status, body } = fault ?? { status: 200, body: `self.__swData=JSON.parse("${revision}");` };
  response.writeHead(status, { "content-type": "text/javascript" }).end(body);
}
