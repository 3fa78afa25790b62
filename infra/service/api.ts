import { functionEnvironment } from "../base/environment.ts";
import { exported, listObjects, measure, media, objects, send, upload, useKey } from "../base/permission.ts";
import { commands, events } from "../base/queues.ts";
import { sizes } from "../base/stage.ts";
import { functionArgs } from "./function.ts";
import { migration } from "./migration.ts";
import { streamFunction } from "./stream.ts";

export const apiFunction = new sst.aws.Function(
  "ApiFunction",
  functionArgs({
    handler: "functions/api/index.handler",
    description: "The REST API, both dialects",
    memory: "1024 MB",
    // API Gateway waits 30 s. The API waits 25 s for the result of a command.
    timeout: "29 seconds",
    environment: { STREAM_URL: streamFunction.url, ...functionEnvironment },
    permissions: [
      send(commands),
      measure([...commands, events]),
      objects(["s3:GetObject"], [media, upload, exported]),
      objects(["s3:PutObject"], [upload]),
      listObjects,
      useKey,
    ],
  }),
  { dependsOn: [migration] },
);

// By default, SST makes API Gateway allow all origins, and API Gateway then ignores the headers of the function:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html. The function allows CORS_ORIGINS.
export const api = new sst.aws.ApiGatewayV2("Api", { accessLog: { retention: sizes.logs }, cors: false });
api.route("$default", apiFunction.arn);
