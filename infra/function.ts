import { functionEnvironment } from "./environment.ts";
import { key } from "./key.ts";
import { vpc } from "./network.ts";
import { sizes } from "./stage.ts";

/** What all functions have in common. */
export function functionArgs(
  args: Pick<sst.aws.FunctionArgs, "handler" | "memory" | "timeout" | "description"> & {
    permissions: sst.aws.FunctionPermissionArgs[];
  } & Partial<sst.aws.FunctionArgs>,
): sst.aws.FunctionArgs {
  return {
    runtime: "nodejs24.x",
    architecture: "arm64",
    vpc,
    environment: functionEnvironment,
    // What is imported when it is needed is loaded then, and not by each cold start.
    nodejs: { minify: true, sourcemap: false, splitting: true },
    logging: { retention: sizes.logs, format: "json" },
    ...args,
    transform: {
      role: (role) => {
        // SST would also trust this account as a whole.
        role.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
      },
      function: (fn) => {
        // The database's password stands in the environment.
        fn.kmsKeyArn = key.arn;
      },
      logGroup: (group) => {
        group.kmsKeyId = key.arn;
      },
    },
  };
}
