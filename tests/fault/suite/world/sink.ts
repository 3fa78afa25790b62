import { QueueReader } from "./queue-reader.ts";
import type { World } from "./world.ts";

/** Reads the event queue of an instance. */
export class Sink {
  readonly events: { id: string; seq: number; body: string }[] = [];
  #reader: QueueReader | undefined;

  static async start(world: World, name: string): Promise<Sink> {
    const sink = new Sink();
    sink.#reader = await QueueReader.start(world, name, (body) => {
      const { id, seq } = JSON.parse(body) as { id: string; seq: number };
      sink.events.push({ id, seq, body });
    });
    return sink;
  }

  async stop(): Promise<void> {
    await this.#reader?.stop();
  }
}
