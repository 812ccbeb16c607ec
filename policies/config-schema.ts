import type { PolicyConfigSchema } from "@pulumi/policy";

/** JSON schema of one property of a policy's configuration; the package exports no name for it. */
export type ConfigProperty = NonNullable<PolicyConfigSchema["properties"]>[string];
