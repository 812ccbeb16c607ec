import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { main } from "@pulumi/pulumi/provider/index.js";

const say = (text) => appendFileSync(process.env.TRIAL_LOG, `${text}\n`);

const measured = (inputs) => ({ ...inputs, measured: inputs.reading });

process.stdin.on("end", () => process.exit(0)).resume();

await main(
  {
    version: "0.1.0",
    schema: '{"name":"trial","version":"0.1.0"}',
    async check(_urn, _olds, news) {
      return { inputs: news };
    },
    async diff(_id, _urn, olds, news) {
      return { changes: olds.seconds !== news.seconds || olds.reading !== news.reading };
    },
    async create(_urn, inputs) {
      say("create begins");
      await sleep(inputs.seconds * 1000);
      say("create ends");
      return { id: "trial", outs: measured(inputs) };
    },
    async update(_id, _urn, _olds, news) {
      return { outs: measured(news) };
    },
    async delete() {
      say("delete");
    },
  },
  process.argv.slice(2),
);
