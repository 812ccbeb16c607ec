#!/usr/bin/env node
// Speaks as the traffic program does where it sends beside something else: tells of its first second, and at its end what was recorded in REPORT.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

console.error("sent 1000 of 60000, received 1000");
await sleep(300);
console.log(readFileSync(process.env.REPORT, "utf8").trim().split("\n").at(-1));
