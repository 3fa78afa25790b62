import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { ringingCalls } from "../../core/event/ringing.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { callEventId, ringSeconds } from "../inbound/calls.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

/** Returns the ringing calls. Reads them from the event log, so that they survive a restart and a change of host. */
const readRinging = ({ db, instanceId }: ConnectedContext) =>
  ringingCalls(db, instanceId, new Date(Date.now() - ringSeconds * 1000));

export async function list(context: ConnectedContext): Promise<CommandOutput<"call.list">> {
  const calls = await readRinging(context);
  return {
    calls: calls.map(({ creator: _, missed: __, rejected: ___, timestamp, ...call }) => ({
      ...call,
      at: new Date(timestamp * 1000).toISOString(),
    })),
  };
}

export async function reject(
  context: MutationContext,
  { callId }: CommandInput<"call.reject">,
): Promise<ExecutorResult<CommandOutput<"call.reject">>> {
  const call = (await readRinging(context)).find((ringing) => ringing.callId === callId);
  if (!call) throw new AppError("call_not_found");
  const { creator, from, lid } = call;
  await context.sock.rejectCall(callId, plainJid(creator));
  const data = { callId, from, lid, timestamp: Math.floor(Date.now() / 1000), by: "api" as const };
  const id = callEventId(context.instanceId, callId, "end");
  return new ExecutorResult({ callId, from }, { events: [{ id, type: "call.rejected", data }] });
}
