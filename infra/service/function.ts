import { functionEnvironment } from "../base/environment.ts";
import { key } from "../base/key.ts";
import { vpc } from "../base/network.ts";
import { sizes } from "../base/stage.ts";

/** Adds the settings that all functions share to the arguments of a function. */
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
    // Splitting keeps modules that are imported on demand out of the cold start.
    nodejs: { minify: true, sourcemap: false, splitting: true },
    logging: { retention: sizes.logs, format: "json" },
    ...args,
    transform: {
      role: (role) => {
        // SST's default also lets the whole account assume the role.
        role.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
      },
      function: (fn) => {
        // The environment contains the password of the database.
        fn.kmsKeyArn = key.arn;
      },
      logGroup: (group) => {
        group.kmsKeyId = key.arn;
      },
    },
  };
}
