import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const script = `
  import { createServer, connect } from "node:net";
  import { asInstance } from "./session-host/concurrency/instance-context.ts";
  import { surviveErrors } from "./session-host/host/unhandled.ts";
  const note = (level) => ({ err, instanceId }, text) => console.log(level, err.message, instanceId ?? "-", text);
  const end = surviveErrors({
    log: { error: note("error"), fatal: note("fatal") },
    interrupt: (instanceId) => console.log("interrupt", instanceId),
    exit: () => console.log("exit"),
  });
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  const throwLater = (text) => setTimeout(() => { throw new Error(text); }, 1);
`;

async function outputOf(code: string): Promise<{ lines: string[]; code: number }> {
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script + code]);
  const result = await run
    .then(({ stdout }) => ({ stdout, code: 0 }))
    .catch((error: { stdout: string; code: number }) => error);
  return { lines: result.stdout.trim().split("\n"), code: result.code };
}

test.each<[string, string, string[]]>([
  [
    "a rejected promise is logged with its instance, whose connection stays open",
    `asInstance("one", () => void Promise.reject(new Error("rejected"))); await pause();`,
    ["error rejected one a rejected promise was not handled; the host continues"],
  ],
  [
    "an exception in a timer closes the connection of the instance that set the timer",
    `asInstance("one", () => throwLater("thrown")); asInstance("two", () => setTimeout(() => undefined, 1)); await pause();`,
    ["error thrown one an exception was not handled; the connection of its instance is closed", "interrupt one"],
  ],
  [
    "an exception in a listener of a socket closes the connection of the instance that opened the socket",
    `const server = createServer((socket) => socket.end("x")).listen(0, "127.0.0.1");
     await new Promise((resolve) => server.once("listening", resolve));
     const { port } = server.address();
     asInstance("two", () => connect(port, "127.0.0.1").on("data", () => { throw new Error("in a listener"); }));
     await new Promise((resolve) => process.once("uncaughtException", resolve));
     server.close();`,
    ["error in a listener two an exception was not handled; the connection of its instance is closed", "interrupt two"],
  ],
  [
    "exceptions of no instance end the host only if there are many of them",
    `for (let index = 0; index < 4; index++) { throwLater("nobody's"); await pause(); }`,
    [
      ...Array.from(
        { length: 3 },
        () => "error nobody's - an exception of no instance was not handled; the host continues",
      ),
      "fatal nobody's - too many exceptions of no instance were not handled; the host ends",
      "exit",
    ],
  ],
])("%s", async (_name, code, expected) => {
  expect(await outputOf(`${code} process.exit();`)).toEqual({ lines: expected, code: 0 });
});

test("after the end, an error that nothing handles ends the process, as usual in Node.js", async () => {
  expect((await outputOf(`end(); throwLater("after the end");`)).code).toBe(1);
});
