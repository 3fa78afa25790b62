import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeFlags } from "../../local/gateway/host-process.ts";
import packageJson from "../../package.json" with { type: "json" };

test.each([
  ["npm start", packageJson.scripts.start],
  ["npm run sandbox", packageJson.scripts.sandbox],
  ["the images", lineOf("Dockerfile", /^ENV NODE_OPTIONS=.*$/m)],
  ["systemd", lineOf("local/systemd/switchboard.service", /^ExecStart=.*$/m)],
])("%s starts Node with the gateway's flags", (_, command) => {
  const flags = command.split(/[ =](?=--)| /).filter((part) => part.startsWith("--"));
  expect(flags).toEqual(nodeFlags);
});

function lineOf(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(file, "utf8"))?.[0] ?? "";
}
