import type { z } from "zod";
import type { Phone } from "../../phone/phone.ts";
import { proto } from "../../wire/baileys.ts";
import { ControlError } from "./route.ts";
import type { SendMessage } from "./schema.ts";

type File = z.output<typeof SendMessage>["files"][number];

/** Returns a message from its JSON, with files on the media host. Throws 400 if the JSON is not a `proto.Message`. */
export async function readMessage(phone: Phone, json: Record<string, unknown>, files: File[]): Promise<proto.Message> {
  const message = structuredClone(json);
  for (const file of files) place(message, file.at, await uploaded(phone, file));
  try {
    // An unknown field would vanish, so the names are compared.
    const read = proto.Message.fromObject(message);
    const unknown = Object.keys(message).filter((name) => !Object.hasOwn(read, name));
    if (unknown.length > 0) throw new Error(`proto.Message has no field ${unknown.join(", ")}`);
    return proto.Message.decode(proto.Message.encode(read).finish());
  } catch (error) {
    throw new ControlError(400, `message: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function uploaded(phone: Phone, { kind, data, mimetype }: File): Promise<object> {
  return await phone.upload(kind, Buffer.from(data, "base64"), mimetype);
}

/** Adds the fields of a file to a part of a message. Creates the objects and lists on the way. */
function place(message: Record<string, unknown>, at: File["at"], file: object): void {
  let part = message as Record<string | number, unknown>;
  at.forEach((name, depth) => {
    const isList = typeof at[depth + 1] === "number";
    const next = part[name] ?? (isList ? [] : {});
    if (typeof next !== "object" || next === null || name === "__proto__")
      throw new ControlError(400, `files: ${at.join(".")} is not an object`);
    part[name] = next;
    part = next as Record<string | number, unknown>;
  });
  Object.assign(part, file);
}
