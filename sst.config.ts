/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app: ({ stage }) => ({
    name: "switchboard",
    home: "aws",
    removal: stage === "production" ? "retain" : "remove",
    protect: stage === "production",
    providers: { aws: { defaultTags: { tags: { app: "switchboard", stage } } } },
  }),
  async run() {
    const { outputs } = await import("./infra/index.ts");
    return outputs;
  },
});
