import { evidence, intent } from "./packs.ts";
import { servePack } from "./serve-pack.ts";

servePack("nfvlab", [...intent, ...evidence]);
