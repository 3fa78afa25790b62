import { startTcpProxy } from "../../../support/network/tcp-proxy.ts";
import { type AwsFault, startAwsProxy } from "./aws-proxy.ts";
import { serveDriver } from "./port.ts";

/** The network between the gateway and its database, queues and storage, which can fail. */
export interface NetworkSetting {
  databasePort: number;
  awsPort: number;
}

const { databasePort, awsPort } = JSON.parse(process.env.NETWORK_SETTING ?? "") as NetworkSetting;
const database = await startTcpProxy(databasePort);
const aws = await startAwsProxy(awsPort);
serveDriver(
  { databasePort: database.port, awsPort: aws.port },
  {
    cutDatabase: () => database.cut(),
    restoreDatabase: () => database.restore(),
    fault: (fault: AwsFault | null) => aws.fault(fault),
  },
);
