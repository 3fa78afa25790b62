import { sizes } from "./stage.ts";

/** The address range of the VPC: SST's default, private after RFC 1918. */
const range = "10.0.0.0/16";

/** Functions and hosts are in private subnets, with outbound traffic by NAT and no inbound traffic. The security group allows traffic from the VPC. */
export const vpc = new sst.aws.Vpc("Network", {
  az: 2,
  nat: sizes.nat,
  transform: {
    natSecurityGroup: (args) => {
      // SST's default allows everyone. A NAT instance serves only the VPC.
      args.ingress = [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: [range] }];
    },
  },
});

/** Traffic to S3 uses this endpoint instead of NAT, which costs per gigabyte. */
new aws.ec2.VpcEndpoint("StorageEndpoint", {
  vpcId: vpc.id,
  serviceName: $interpolate`com.amazonaws.${aws.getRegionOutput().region}.s3`,
  vpcEndpointType: "Gateway",
  routeTableIds: vpc.nodes.privateRouteTables.apply((tables) => tables.map((table) => table.id)),
});
