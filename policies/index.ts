import { PolicyPack } from "@pulumi/policy";
import { evidence, intent } from "./packs.ts";

// Starts a server as soon as it is made, so this file is for the engine alone.
new PolicyPack("nfvlab", { policies: [...intent, ...evidence] });
