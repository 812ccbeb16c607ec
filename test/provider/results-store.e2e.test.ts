import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modulePath, TrialProject } from "../lab/trial-project.ts";
import { credentials, StoreServer } from "../remote/store-server.ts";

const program = `
import { bench } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: { kind: "local" as const } };
new bench.Cyclictest("timers", { host: dut, name: "timers", subject: { kind: "host", cpus: "0" }, duration: "1s" });
`;
const wrongKey = JSON.stringify({ ...credentials, secretAccessKey: "hunter22-of-the-lab" });
const AWS = {
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

describe("the object store that a stack's configuration names", () => {
  let project: TrialProject;
  let server: StoreServer;
  const set = (...args: string[]) => project.pulumi(["config", "set", ...args]);
  // This process serves the store meanwhile.
  const up = (environment: Readonly<Record<string, string>> = {}) =>
    project.start(["up", "--yes", "--skip-preview"], environment);

  beforeAll(async () => {
    project = new TrialProject("results-store", program);
    server = await StoreServer.start();
  });
  afterAll(async () => {
    project.remove();
    await server.stop();
  });

  it("is refused where its URL is wrong, and a key in it or beside it that is no secret is shown nowhere", async () => {
    set("nfvlab:results", "s3://AKIAX:hunter22-of-the-lab@lab-results/nfv");
    const url = await up();
    expect(url.code).not.toBe(0);
    expect(url.said).toContain("the URL of a store names its bucket, prefix, endpoint and region alone");
    set("nfvlab:results", `s3://lab-results/nfv?endpoint=${server.endpoint}`);
    set("--plaintext", "nfvlab:resultsCredentials", wrongKey);
    const plain = await up();
    expect(plain.code).not.toBe(0);
    expect(plain.said).toContain(
      "nfvlab:resultsCredentials is no secret, and would be read in the stack's files: expected a secret",
    );
    expect(`${url.said}${plain.said}`).not.toContain("hunter22-of-the-lab");
  });

  it("is tried before anything is measured, with the stack's secret, which is in no message and in no state", async () => {
    set("nfvlab:results", `s3://lab-results/nfv?endpoint=${server.endpoint}`);
    set("--secret", "nfvlab:resultsCredentials", wrongKey);
    const { code, said } = await up(AWS);
    const { said: state } = project.pulumi(["stack", "export"]);
    expect(`${said}${state}`).not.toContain("hunter22-of-the-lab");
    expect(code).not.toBe(0);
    expect(said).toContain("does not take these credentials: observed HTTP 403 SignatureDoesNotMatch");
    expect(state).toContain('"resultsCredentials"');
  });

  it("is asked with the environment's credentials where the stack has none, and holds no run that had not begun", async () => {
    project.pulumi(["config", "rm", "nfvlab:resultsCredentials"]);
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect((await up(none)).said).toContain(
      "nobody says with which key the store is asked: observed no AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY in the environment",
    );
    // The tests' machine has no systemd that would run it.
    expect((await up(AWS)).code).not.toBe(0);
    const store = server.open(server.place("nfv"));
    expect([...(await store.list("")).keys()]).toEqual(["nfv/.nfvlab-results"]);
    store.close();
  });
});
