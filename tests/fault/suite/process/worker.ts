import { createServer } from "node:http";
import { lambdaContext } from "../../../../local/lambda/context.ts";
import { serveDriver } from "./port.ts";

/** A runtime of the functions behind queues and the schedule: each POST to its Unix socket invokes one function. */
const [webhook, ingress, cron] = await Promise.all([
  import("../../../../functions/webhook/index.ts"),
  import("../../../../functions/ingress/index.ts"),
  import("../../../../functions/cron/index.ts"),
]);
const handlers: Record<string, (event: never, context: ReturnType<typeof lambdaContext>) => Promise<unknown>> = {
  "/webhook": webhook.handler,
  "/ingress": ingress.handler,
  "/cron": cron.handler,
};

const server = createServer(async (request, response) => {
  try {
    const chunks = await Array.fromAsync(request as AsyncIterable<Buffer>);
    const { event, timeoutMs } = JSON.parse(Buffer.concat(chunks).toString());
    const handler = handlers[request.url ?? ""];
    if (!handler) throw new Error(`unknown function ${request.url}`);
    const context = lambdaContext(request.url?.slice(1) ?? "", timeoutMs, "us-east-1");
    response.end(JSON.stringify((await handler(event as never, context)) ?? null));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
server.listen(process.env.WORKER_SOCKET, () => serveDriver({}));
