import { Socket } from "node:net";

// Loaded into a session host before its own modules. After SIGUSR2, the next data of a connection to WhatsApp throws.
const port = new URL(process.env.WHATSAPP_URL ?? "").port;
const { emit } = Socket.prototype;
let armed = false;
process.on("SIGUSR2", () => {
  armed = true;
  process.send?.("armed");
});
Socket.prototype.emit = function (this: Socket, event: string | symbol, ...args: unknown[]): boolean {
  if (armed && event === "data" && String(this.remotePort) === port) {
    armed = false;
    throw new Error("thrown for the test");
  }
  return Reflect.apply(emit, this, [event, ...args]) as boolean;
};
