import { join } from "node:path";
import { findGo, runGo } from "./go.ts";

const folder = join(import.meta.dirname, "whatsmeow");
/** The program that `build` makes. Git ignores the folder. */
export const program = join(folder, ".build", "whatsmeow");

/**
 * Vitest's global setup: builds the client on whatsmeow, if a source has changed. `go.mod` and `go.sum` pin all modules:
 * `-mod=readonly` fails instead of changing them.
 */
export default function build(): void {
  const started = performance.now();
  runGo(folder, ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", program, "."], findGo());
  console.log(`Built the client on whatsmeow in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
