/** A resource that the infrastructure declares. */
export interface Declared {
  /** Pulumi's type, such as `aws:sqs/queue:Queue`. */
  type: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type of resource has arguments of its own shape
  inputs: any;
}

const account = "123456789012";

/** Pulumi's mocks in place of AWS: they record each resource and return made-up values for what AWS would generate. */
export function mocks(region: string, declared: Declared[]) {
  const arnOf = (type: string, name: string) => `arn:aws:${type.split(/[:/]/)[1]}:${region}:${account}:${name}`;
  return {
    newResource({ type, name, inputs }: { type: string; name: string; inputs: Record<string, unknown> }) {
      declared.push({ type, name, inputs: plain(inputs) });
      const physical = String(inputs.name ?? inputs.bucket ?? name);
      return {
        id: type === "aws:s3/bucket:Bucket" ? name.toLowerCase() : `${name}-id`,
        state: {
          ...inputs,
          name: physical,
          arn: arnOf(type, physical),
          keyId: `${name}-key`,
          url: `https://sqs.${region}.amazonaws.com/${account}/${physical}`,
          bucket: inputs.bucket ?? name.toLowerCase(),
          endpoint: `${name}.rds.invalid`,
          readerEndpoint: `${name}-reader.rds.invalid`,
          functionUrl: `https://${name}.lambda-url.invalid/`,
          apiEndpoint: `https://${name}.execute-api.invalid`,
          executionArn: arnOf(type, name),
          invokeArn: arnOf(type, name),
          cidrBlock: inputs.cidrBlock ?? "10.0.0.0/16",
          port: 5432,
          result: "madeUpByTheProvider",
          hex: "abcd",
          base64: "YWJj",
          digest: "sha256:abc",
          tagsAll: inputs.tags ?? {},
          resourceId: inputs.resourceId ?? `${name}-resource`,
        },
      };
    },
    call({ token, inputs }: { token: string; inputs: Record<string, unknown> }) {
      const answers: Record<string, unknown> = {
        "aws:index/getRegion:getRegion": { region, name: region, id: region },
        "aws:index/getCallerIdentity:getCallerIdentity": { accountId: account },
        "aws:index/getPartition:getPartition": { partition: "aws", dnsSuffix: "amazonaws.com" },
        "aws:index/getAvailabilityZones:getAvailabilityZones": {
          names: [`${region}a`, `${region}b`],
          zoneIds: ["1", "2"],
        },
        "aws:ec2/getAmi:getAmi": { id: "ami-1", architecture: "arm64" },
        "aws:iam/getPolicyDocument:getPolicyDocument": { ...inputs, json: JSON.stringify(policyOf(inputs)) },
      };
      return answers[token] ?? inputs;
    },
  };
}

interface StatementArgs {
  sid?: string;
  effect?: string;
  actions?: string[];
  resources?: string[];
  principals?: unknown;
  conditions?: unknown;
}

/** Returns the policy document in AWS's format. */
function policyOf(inputs: Record<string, unknown>) {
  const Statement = ((inputs.statements ?? []) as StatementArgs[]).map((one) => ({
    Effect: one.effect ?? "Allow",
    Action: one.actions ?? [],
    Resource: one.resources ?? [],
    ...(one.principals ? { Principal: one.principals } : {}),
    ...(one.conditions ? { Condition: one.conditions } : {}),
  }));
  return { Version: "2012-10-17", Statement };
}

/** The key with which Pulumi marks a wrapped secret (`runtime/rpc.ts`). */
const secretMark = "4dabf18193072939515e22adb298388d";

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!value || typeof value !== "object") return value;
  if (secretMark in value) return plain((value as { value?: unknown }).value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
