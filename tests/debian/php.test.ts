import { execFile as execFileBack, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startTestGateway } from "../support/gateway/test-gateway.ts";

const execFile = promisify(execFileBack);
/** PHP is optional: the test runs only where PHP and its curl extension are installed. */
const found = spawnSync("php", ["-r", "exit(function_exists('curl_init') ? 0 : 1);"]).status === 0;

test.runIf(found)(
  "the Gateway API's PHP example runs as written, with only URL, key and instance filled in",
  async () => {
    const gate = await startTestGateway();
    try {
      const owner = await gate.wa.addPhone({ number: "4915550000001" });
      const reader = await gate.wa.addPhone({ number: "6281234567890" });
      const example = readFileSync("tests/fixtures/documents/gateway.php", "utf8")
        .replace("http://localhost:3000", gate.gateway.url)
        .replace("your-api-key", gate.gateway.firstAdmin?.apiKey.key ?? "")
        .replace("my-instance", await gate.linked(owner, "gateway"));
      const child = execFile("php");
      child.child.stdin?.end(example);
      const [, id] = /\[messageId\] => (\w+)/.exec((await child).stdout) ?? [];
      expect(await reader.waitFor((one) => one.id === id)).toMatchObject({ text: "Hello!", from: owner.jid });
    } finally {
      await gate.stop();
    }
  },
);
