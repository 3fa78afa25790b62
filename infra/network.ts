import { sizes } from "./stage.ts";

/** The range of the VPC (SST's default, RFC 1918). */
const range = "10.0.0.0/16";

/** Functions and hosts stand in private subnets: out by NAT, in by nothing. Its security group lets in what is in the VPC. */
export const vpc = new sst.aws.Vpc("Network", {
  az: 2,
  nat: sizes.nat,
  transform: {
    natSecurityGroup: (args) => {
      // SST would let in everybody; a NAT instance serves the VPC.
      args.ingress = [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: [range] }];
    },
  },
});

/** Files go to S3 by the VPC's own way, not by NAT, which costs by the gigabyte. */
export const storageEndpoint = new aws.ec2.VpcEndpoint("StorageEndpoint", {
  vpcId: vpc.id,
  serviceName: $interpolate`com.amazonaws.${aws.getRegionOutput().region}.s3`,
  vpcEndpointType: "Gateway",
  routeTableIds: vpc.nodes.privateRouteTables.apply((tables) => tables.map((table) => table.id)),
});
