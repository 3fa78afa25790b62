import { handler } from "../../functions/webhook/index.ts";
import { lambdaContext } from "../../local/lambda/context.ts";
import { sqsEvent } from "../support/webhook/delivery-setup.ts";

// Handles one batch, given as JSON in RECORDS. A test runs this file in a separate process in order to kill it.
await handler(sqsEvent(JSON.parse(process.env.RECORDS ?? "[]")), lambdaContext("webhook", 60_000));
process.exit(0);
