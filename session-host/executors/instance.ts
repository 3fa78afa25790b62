import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import type { Session } from "../session/session.ts";

export async function start(
  session: Session,
  _input: unknown,
  cause?: string,
): Promise<CommandOutput<"instance.start">> {
  await session.start(cause);
  return {};
}

export async function restart(
  session: Session,
  _input: unknown,
  cause?: string,
): Promise<CommandOutput<"instance.restart">> {
  await session.restart(cause);
  return {};
}

export async function stop(session: Session, _input: unknown, cause?: string): Promise<CommandOutput<"instance.stop">> {
  await session.disable(cause);
  return {};
}

export async function logout(
  session: Session,
  _input: unknown,
  cause?: string,
): Promise<CommandOutput<"instance.logout">> {
  await session.logout(cause);
  return {};
}

export async function remove(
  session: Session,
  _input: unknown,
  cause?: string,
): Promise<CommandOutput<"instance.delete">> {
  await session.remove(cause);
  return {};
}

export async function requestPairingCode(
  session: Session,
  input: CommandInput<"instance.requestPairingCode">,
  cause?: string,
): Promise<CommandOutput<"instance.requestPairingCode">> {
  return await session.requestPairingCode(input.phoneNumber, cause);
}
