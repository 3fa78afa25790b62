import { sizes } from "./stage.ts";

/** The IP range of the VPC: SST's default, which is private (RFC 1918). */
const range = "10.0.0.0/16";

/**
 * Functions and hosts run in private subnets. Their outbound traffic uses NAT, and nothing outside the VPC can reach them. The
 * security group allows traffic within the VPC.
 */
export const vpc = new sst.aws.Vpc("Network", {
  az: 2,
  nat: sizes.nat,
  transform: {
    natSecurityGroup: (args) => {
      // SST's default allows traffic from everywhere, but the NAT instance is only for the VPC.
      args.ingress = [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: [range] }];
    },
  },
});

/** Traffic to S3 uses this endpoint, because NAT costs per gigabyte. */
new aws.ec2.VpcEndpoint("StorageEndpoint", {
  vpcId: vpc.id,
  serviceName: $interpolate`com.amazonaws.${aws.getRegionOutput().region}.s3`,
  vpcEndpointType: "Gateway",
  routeTableIds: vpc.nodes.privateRouteTables.apply((tables) => tables.map((table) => table.id)),
});
