import { handler } from "../../functions/webhook/index.ts";
import { lambdaContext } from "../../local/lambda/context.ts";
import { sqsEvent } from "../support/webhook/delivery-setup.ts";

/** A worker of its own, to be killed: handles one batch, given as JSON in the environment. */
await handler(sqsEvent(JSON.parse(process.env.RECORDS ?? "[]")), lambdaContext("webhook", 60_000));
process.exit(0);
