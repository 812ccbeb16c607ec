import { servePack } from "nfvlab/policies/kit";
import { guestWithinQuota } from "./guest-within-quota.ts";

servePack("lab-policies", [guestWithinQuota]);
