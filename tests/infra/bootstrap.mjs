// Does what Lambda's own runtime does: loads the handler, then repeatedly gets an event and posts its result.
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
/** Collects a streamed response, with its head. */
const streamifyResponse = (handler) => async (event, context) => {
  const stream = new PassThrough();
  const [body] = await Promise.all([text(stream), handler(event, stream, context)]);
  return { ...stream.head, body };
};
const from = (stream, head) => Object.assign(stream, { head });
globalThis.awslambda = { streamifyResponse, HttpResponseStream: { from } };

const { handler } = await import(pathToFileURL(process.argv[2]).href);

for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const deadline = Number(next.headers.get("lambda-runtime-deadline-ms"));
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now() };
  const post = (path, body) => fetch(`${api}/${id}/${path}`, { method: "POST", body: JSON.stringify(body ?? null) });
  try {
    await post("response", await handler(await next.json(), context));
  } catch (error) {
    await post("error", { errorType: error?.name ?? "Error", errorMessage: String(error?.message ?? error) });
  }
}
