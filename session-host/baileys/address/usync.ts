import {
  type BinaryNode,
  getBinaryNodeChild,
  USyncDeviceProtocol,
  USyncQuery,
  type USyncQueryResult,
  USyncUser,
  type WASocket,
} from "@whiskeysockets/baileys";
import { lookedUp, unanswered } from "../look-up.ts";
import { plainJid } from "./jids.ts";

/**
 * A query about people. Baileys' `USyncQuery` (7.0.0-rc14, WAUSync/USyncQuery.js) returns the same for an answer without
 * a list as for people about whom WhatsApp knows nothing.
 */
export class PeopleQuery extends USyncQuery {
  override parseUSyncQueryResult(result: BinaryNode | undefined): USyncQueryResult | undefined {
    const list = getBinaryNodeChild(getBinaryNodeChild(result, "usync"), "list");
    return list ? super.parseUSyncQueryResult(result) : undefined;
  }
}

/** Reads no devices of a person for whom WhatsApp reports an error. Baileys' parser throws for all people then. */
export class DevicesPerPerson extends USyncDeviceProtocol {
  override parser(node: BinaryNode): ReturnType<USyncDeviceProtocol["parser"]> {
    return super.parser(getBinaryNodeChild(node, "error") ? { ...node, content: [] } : node);
  }
}

/** Returns WhatsApp's answer. Throws `whatsapp_error` if there is none in time. */
export async function ask(sock: Pick<WASocket, "executeUSyncQuery">, query: PeopleQuery, of: string) {
  const result = await lookedUp(of, sock.executeUSyncQuery(query));
  if (!result) throw unanswered(of);
  return result.list;
}

/** Returns which of the phone numbers (as JIDs) are on WhatsApp, with WhatsApp's own JIDs, as Baileys' `onWhatsApp` does. */
export async function numbersOnWhatsApp(
  sock: Pick<WASocket, "executeUSyncQuery">,
  numbers: readonly string[],
): Promise<{ jid: string; exists: boolean }[]> {
  const query = new PeopleQuery().withContactProtocol();
  for (const number of numbers) query.withUser(new USyncUser().withPhone(`+${number.split("@")[0]}`));
  const list = await ask(sock, query, "the numbers");
  return list.flatMap(({ id, contact }) => (contact ? [{ jid: id, exists: true }] : []));
}

/** Returns the LIDs of people by their phone numbers (as JIDs). Source: `pnFromLIDUSync` in Baileys' Socket/socket.js. */
export async function lookUpLids(
  sock: Pick<WASocket, "executeUSyncQuery">,
  numbers: readonly string[],
): Promise<{ pn: string; lid: string }[]> {
  const query = new PeopleQuery().withContext("background").withLIDProtocol();
  for (const number of numbers) query.withUser(new USyncUser().withId(number));
  const list = await ask(sock, query, "the LIDs");
  return list.flatMap(({ id, lid }) =>
    typeof lid === "string" && lid ? [{ pn: plainJid(id), lid: plainJid(lid) }] : [],
  );
}
