import type { CommandInput, CommandOutput } from "../../core/command/catalog.ts";
import type { Session } from "../session.ts";

export async function start(session: Session): Promise<CommandOutput<"instance.start">> {
  await session.start();
  return {};
}

export async function restart(session: Session): Promise<CommandOutput<"instance.restart">> {
  await session.restart();
  return {};
}

export async function stop(session: Session): Promise<CommandOutput<"instance.stop">> {
  await session.disable();
  return {};
}

export async function logout(session: Session): Promise<CommandOutput<"instance.logout">> {
  await session.logout();
  return {};
}

export async function remove(session: Session): Promise<CommandOutput<"instance.delete">> {
  await session.remove();
  return {};
}

export async function requestPairingCode(
  session: Session,
  input: CommandInput<"instance.requestPairingCode">,
): Promise<CommandOutput<"instance.requestPairingCode">> {
  return await session.requestPairingCode(input.phoneNumber);
}
