const { PolicyPack } = require("@pulumi/policy");

new PolicyPack("trial-policies", {
  policies: [
    {
      name: "short-sleep",
      description: "Sleeps less than a minute.",
      enforcementLevel: "mandatory",
      validateResource: ({ type, props }, report) => {
        if (type === "trial:index:Sleeper" && props.seconds >= 60) report(`${props.seconds} s is too long.`);
      },
    },
    {
      name: "low-reading",
      description: "What was measured is 60 at most.",
      enforcementLevel: "mandatory",
      validateStack: ({ resources }, report) => {
        for (const { type, props, urn } of resources) {
          if (type === "trial:index:Sleeper" && props.measured > 60) {
            report(`It read ${props.measured}, allowed are 60.`, urn);
          }
        }
      },
    },
  ],
});
