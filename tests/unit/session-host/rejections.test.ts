import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const script = `
  import { surviveRejections } from "./session-host/host/rejections.ts";
  const end = surviveRejections({ error: ({ err }, text) => console.log(err.message, "-", text) });
  void Promise.reject(new Error("from a listener of Baileys"));
  setTimeout(() => { console.log("still running"); end(); Promise.reject(new Error("after the end")); }, 50);
`;

test("a rejected promise that nobody handles is logged and does not end the host", async () => {
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  const { stdout, code } = await run
    .catch((error: { stdout: string; code: number }) => error as typeof error & { code: number })
    .then((result) => ({ code: 0, ...result }));
  expect(stdout).toBe(
    "from a listener of Baileys - a rejected promise was not handled; the host continues\nstill running\n",
  );
  // Afterwards, Node.js ends the process as usual.
  expect(code).toBe(1);
});
