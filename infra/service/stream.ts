import { functionEnvironment } from "../base/environment.ts";
import { media, objects, useKey } from "../base/permission.ts";
import { sizes } from "../base/stage.ts";
import { functionArgs } from "./function.ts";
import { migration } from "./migration.ts";

/**
 * Streams live events, which API Gateway's HTTP APIs can't. Anyone can call its URL, as with the API: the app checks the
 * credentials. Each open stream occupies one instance of the function until its timeout, even if its client disconnected.
 */
export const streamFunction = new sst.aws.Function(
  "StreamFunction",
  functionArgs({
    handler: "functions/api/stream.handler",
    description: "Streams live events",
    memory: "512 MB",
    // Streams end before the timeout, and their clients continue with a new request.
    timeout: "5 minutes",
    streaming: true,
    // The app handles CORS (`CORS_ORIGINS`).
    url: { authorization: "none", cors: false },
    concurrency: { reserved: sizes.streams },
    environment: functionEnvironment,
    // Links to files, in streams of webhook bodies.
    permissions: [objects(["s3:GetObject"], [media]), useKey],
  }),
  { dependsOn: [migration] },
);
