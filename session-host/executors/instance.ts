import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import type { ManagedSession } from "./types.ts";

export async function start(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.start">> {
  await session.start(correlationId);
  return {};
}

export async function restart(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.restart">> {
  await session.restart(correlationId);
  return {};
}

export async function applySettings(session: ManagedSession): Promise<CommandOutput<"instance.applySettings">> {
  await session.settings.apply();
  return {};
}

/** The settings are stored already. */
export async function updateSettings(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.updateSettings">> {
  await session.settings.apply();
  if (session.settings.needsReconnect) await session.reconnectIfNeeded(correlationId);
  return { settings: await session.settings.readEffective() };
}

export async function settings(session: ManagedSession): Promise<CommandOutput<"instance.settings">> {
  return { settings: await session.settings.readEffective() };
}

export async function pauseSends(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.pauseSends">> {
  return { pausedAt: (await session.sends.pause(correlationId)).toISOString() };
}

export async function resumeSends(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.resumeSends">> {
  await session.sends.resume(correlationId);
  return {};
}

export async function clearQueue(
  session: ManagedSession,
  input: CommandInput<"instance.clearQueue">,
  _correlationId: string,
  acceptedAt: Date,
): Promise<CommandOutput<"instance.clearQueue">> {
  return { canceled: await session.sends.clear(input, acceptedAt) };
}

export async function stop(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.stop">> {
  await session.disable(correlationId);
  return {};
}

export async function logout(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.logout">> {
  await session.logout(correlationId);
  return {};
}

export async function remove(
  session: ManagedSession,
  _input: unknown,
  correlationId: string,
): Promise<CommandOutput<"instance.delete">> {
  await session.remove(correlationId);
  return {};
}

export async function requestPairingCode(
  session: ManagedSession,
  input: CommandInput<"instance.requestPairingCode">,
  correlationId: string,
): Promise<CommandOutput<"instance.requestPairingCode">> {
  return await session.requestPairingCode(input.phoneNumber, correlationId);
}

export async function answerPasskey(
  session: ManagedSession,
  input: CommandInput<"instance.answerPasskey">,
): Promise<CommandOutput<"instance.answerPasskey">> {
  return { confirmationCode: await session.passkey.answer(input) };
}

export async function confirmPasskey(session: ManagedSession): Promise<CommandOutput<"instance.confirmPasskey">> {
  await session.passkey.confirm();
  return {};
}
