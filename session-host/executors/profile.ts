import { getBinaryNodeChildBuffer, S_WHATSAPP_NET, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { maxPictureBytes } from "../../core/command/catalog/profile.ts";
import { AppError } from "../../core/error.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { inTime } from "./answer.ts";
import { patchAppState } from "./app-state.ts";
import { readShownProfile } from "./contact.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

export async function get({ sock }: ConnectedContext): Promise<CommandOutput<"profile.get">> {
  const jid = plainJid(sock.user?.id);
  const shown = await readShownProfile(sock, jid);
  // Not from `sock.user`, which has the name that was current when the socket was opened.
  const { lid, name } = sock.authState.creds.me ?? {};
  return {
    phoneNumber: jid.split("@")[0] ?? "",
    jid,
    lid: lid ? plainJid(lid) : null,
    name: name ?? null,
    ...shown,
  };
}

export async function setName(
  { sock }: MutationContext,
  { name }: CommandInput<"profile.setName">,
): Promise<ExecutorResult<CommandOutput<"profile.setName">>> {
  await patchAppState(sock, "critical_block", () => sock.updateProfileName(name));
  // Baileys emits no event for our own change. This event makes it store the name and send it with the account's
  // presence.
  const { me } = sock.authState.creds;
  if (me) sock.ev.emit("creds.update", { me: { ...me, name } });
  return new ExecutorResult({}, { instance: { push_name: name } });
}

export async function setAbout(
  { sock }: MutationContext,
  { about }: CommandInput<"profile.setAbout">,
): Promise<CommandOutput<"profile.setAbout">> {
  // Not Baileys' `updateProfileStatus`, which sends an older request (7.0.0-rc14, `Socket/chats.js`). 0 means that the
  // text stays.
  const variables = { input: { text: about, ephemeral_duration_sec: 0 } };
  const request = sock.query({
    tag: "iq",
    attrs: { to: S_WHATSAPP_NET, type: "get", xmlns: "w:mex" },
    content: [
      { tag: "query", attrs: { query_id: updateTextStatus }, content: Buffer.from(JSON.stringify({ variables })) },
    ],
  });
  const result = getBinaryNodeChildBuffer(await inTime(request), "result");
  const { errors } = JSON.parse(Buffer.from(result ?? "{}").toString()) as { errors?: { message?: string }[] };
  if (errors?.[0]) throw new AppError("whatsapp_error", `WhatsApp refused the text: ${errors[0].message}`);
  return {};
}

/** The id of the request that sets the about text (whatsmeow `user.go`, `mutationUpdateTextStatus`, August 2026). */
const updateTextStatus = "9152604461510864";

/** The first bytes of a JPEG file. */
const jpegStart = Buffer.from([0xff, 0xd8, 0xff]);

export async function setPicture(
  context: MutationContext,
  source: CommandInput<"profile.setPicture">,
): Promise<CommandOutput<"profile.setPicture">> {
  await inTime(uploadPicture(context.sock, await readPicture(context, source)));
  return {};
}

/** Returns the content of the caller's file for a profile picture. Throws `not_supported` if it is not a JPEG. */
export async function readPicture(
  { media, instanceId }: MutationContext,
  source: CommandInput<"profile.setPicture">,
): Promise<Buffer> {
  const picture = await media.readSmall(instanceId, source, maxPictureBytes);
  if (picture.subarray(0, 3).equals(jpegStart)) return picture;
  throw new AppError("not_supported", "WhatsApp accepts only JPEG for a profile picture, and the file is not a JPEG");
}

/** Sets the picture of the account, or of a group. */
export async function uploadPicture(sock: WASocket, picture: Buffer, group?: string): Promise<void> {
  // Not Baileys' `updateProfilePicture`, which sends the same stanza but needs a library to resize the picture.
  await sock.query({
    tag: "iq",
    attrs: { to: S_WHATSAPP_NET, ...(group && { target: group }), type: "set", xmlns: "w:profile:picture" },
    content: [{ tag: "picture", attrs: { type: "image" }, content: picture }],
  });
}

export async function removePicture({ sock }: MutationContext): Promise<CommandOutput<"profile.removePicture">> {
  await inTime(sock.removeProfilePicture(plainJid(sock.user?.id)));
  return {};
}
