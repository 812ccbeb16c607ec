import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ObjectStore } from "../../sdk/remote/object-store.ts";
import { credentialsIn, storeIn } from "../../sdk/remote/store-settings.ts";
import { LabError } from "../../sdk/units/errors.ts";
import { storeUrl } from "../../sdk/units/store-url.ts";
import { BUCKET, credentials, StoreServer } from "./store-server.ts";

let server: StoreServer;
let store: ObjectStore;

beforeAll(async () => {
  server = await StoreServer.start();
  store = server.open();
});
afterAll(async () => {
  store.close();
  await server.stop();
});

const text = (content: string) => Buffer.from(content);
const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => new Error("it was done"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof LabError)) throw error;
  return `${error.name} ${error.code} | ${error.message.replaceAll(server.endpoint, "http://store").replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")}`;
};

describe("an object store", () => {
  it("gives back byte by byte what was written, and knows what it has not", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 195]);
    expect(await store.put("a/bytes", bytes)).toBe(true);
    expect(await store.get("a/bytes")).toEqual(bytes);
    expect(await store.put("a/empty", text(""))).toBe(true);
    expect(await store.get("a/empty")).toEqual(text(""));
    expect(await store.get("a/none")).toBeUndefined();
  });

  it("takes files by their name, without reading them into memory first", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-store-"));
    const path = join(folder, "file");
    const content = Buffer.alloc(3_000_000, "frame ");
    writeFileSync(path, content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    expect(await store.put("files/large", { path, bytes: content.length, sha256 })).toBe(true);
    expect((await store.get("files/large"))?.equals(content)).toBe(true);
    rmSync(folder, { recursive: true });
    await expect(store.put("files/gone", { path, bytes: 1, sha256 })).rejects.toThrow("ENOENT");
  });

  it("that refuses a large file, and closes the connection, is heard before that is sent", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-store-"));
    const path = join(folder, "file");
    const content = Buffer.alloc(40_000_000, "frame ");
    writeFileSync(path, content);
    let received = 0;
    const refusing = http.createServer();
    const refuse = (request: http.IncomingMessage, response: http.ServerResponse) => {
      request.socket.on("data", ({ length }: Buffer) => (received += length));
      response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>", () => request.socket.destroy());
    };
    refusing.on("request", refuse).on("checkContinue", refuse);
    await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
    const { port } = refusing.address() as AddressInfo;
    const place = storeIn(storeUrl(`s3://${BUCKET}?endpoint=http://127.0.0.1:${port}`), {});
    const refused = new ObjectStore(place, credentials);
    const sha256 = createHash("sha256").update(content).digest("hex");
    for (let time = 0; time < 3; time++)
      expect(await refusal(refused.put("x", { path, bytes: content.length, sha256 }))).toMatch(
        /^HostError store-denied \| .*HTTP 403 AccessDenied/,
      );
    expect(received).toBe(0);
    refused.close();
    await new Promise((resolve) => refusing.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it("is sent a large file also where it does not know that it is asked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-store-"));
    const path = join(folder, "file");
    writeFileSync(path, Buffer.alloc(1_000_000));
    const taken: number[] = [];
    const silent = http.createServer();
    const take = (request: http.IncomingMessage, response: http.ServerResponse) =>
      buffer(request).then(({ length }) => {
        taken.push(length);
        response.end();
      });
    silent.on("checkContinue", take);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const place = storeIn(storeUrl(`s3://${BUCKET}?endpoint=http://127.0.0.1:${port}`), {});
    const asked = new ObjectStore(place, credentials);
    const sha256 = createHash("sha256").update(Buffer.alloc(1_000_000)).digest("hex");
    expect(await asked.put("x", { path, bytes: 1_000_000, sha256 })).toBe(true);
    expect(taken).toEqual([1_000_000]);
    asked.close();
    await new Promise((resolve) => silent.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it("takes keys of any characters, and signs for them", async () => {
    const part = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 10 })
      .filter((name) => !/[/\\\p{Cc}\p{Cs}]/u.test(name) && !/^\.{1,2}$/.test(name) && name === name.trim());
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 3 }), async (parts) => {
        const key = `any/${seen.size}/${parts.join("/")}`;
        seen.add(key);
        await store.put(key, text(key));
        expect(await store.get(key)).toEqual(text(key));
        // Of these the server signs another query than Amazon's does, and than we do; or it escapes them twice.
        if (!/[!'()*&<>"`]/.test(key)) expect([...(await store.list(key)).keys()]).toEqual([key]);
      }),
      { numRuns: 12, examples: [[["a b+c%2E", "it's (1)*!", "ü&=?#"]], [["lab", "%2E.", "x"]]] },
    );
  });

  it("lists what begins so, with sizes", async () => {
    await Promise.all([0, 1, 2].map((size) => store.put(`few/${size}`, text("x".repeat(size)))));
    const listed = await store.list("few/");
    expect([...listed]).toEqual([
      ["few/0", 0],
      ["few/1", 1],
      ["few/2", 2],
    ]);
    expect(await store.list("nothing/")).toEqual(new Map());
  });
});

describe("a store that refuses", () => {
  it.each<[string, () => ObjectStore, RegExp]>([
    [
      "since there is no such bucket",
      () => server.open(server.place("", "no-bucket")),
      /^HostError store-bucket-missing \| there is no bucket no-bucket at http:\/\/store: observed HTTP 404 NoSuchBucket.*; make it: aws s3 mb s3:\/\/no-bucket --endpoint-url http:\/\/store; or name another one$/,
    ],
    [
      "a key that it does not know",
      () => server.open(server.place(), { ...credentials, accessKeyId: "AKIAOTHER" }),
      /^HostError store-credentials-refused \| the store at http:\/\/store does not take these credentials: observed HTTP 403 InvalidAccessKeyId.*; it knows no such access key: take one that it has made$/,
    ],
    [
      "a key whose secret is another one",
      () => server.open(server.place(), { ...credentials, secretAccessKey: "hunter22" }),
      /^HostError store-credentials-refused \| .*SignatureDoesNotMatch.*; the secret key is another one than that of the access key/,
    ],
    [
      "since clocks are apart",
      () => server.open(server.place(), credentials, () => new Date(Date.now() - 20 * 60_000)),
      /^HostError store-clock \| the clock of this machine is not that of the store at http:\/\/store: observed <time> here, <time> there, expected less than 15 minutes between them; set the clock that is wrong: timedatectl set-ntp true$/,
    ],
  ])("%s says so, and what to do", async (_, open, expected) => {
    const refusing = open();
    const works = [() => refusing.put("x", text("x")), () => refusing.get("x"), () => refusing.list("x")];
    for (const work of works) {
      const said = await refusal(work());
      expect(said).toMatch(expected);
      expect(said).not.toContain("hunter22");
    }
    refusing.close();
  });

  it("to be reached says so", async () => {
    const place = (endpoint: string) => storeIn(storeUrl(`s3://${BUCKET}?endpoint=${endpoint}`), {});
    const closed = new ObjectStore(place("http://127.0.0.1:1"), credentials);
    expect(await refusal(closed.list(""))).toBe(
      "TransportError store-unreachable | the store at http://127.0.0.1:1 can't be reached: observed connect ECONNREFUSED 127.0.0.1:1; is it running, and does a firewall let this machine through?",
    );
    const nameless = new ObjectStore(place("http://store.invalid"), credentials);
    expect(await refusal(nameless.list(""))).toMatch(
      /^TransportError store-unreachable \| .*(ENOTFOUND|EAI_AGAIN).*; correct the endpoint's name, or mend name resolution$/,
    );
    const plain = new ObjectStore(place(server.endpoint.replace("http:", "https:")), credentials);
    expect(await refusal(plain.list(""))).toMatch(/^TransportError store-unreachable \| /);
  });
});

/** What no store on this machine can be made to say, by a server that says it in the words of those that do. */
async function saying(
  answers: readonly (readonly [status: number, body: string])[],
  work: (store: ObjectStore, asked: http.IncomingMessage[]) => Promise<void>,
): Promise<void> {
  const asked: http.IncomingMessage[] = [];
  const speaker = http.createServer((request, response) => {
    const [status, body] = answers[Math.min(asked.length, answers.length - 1)] ?? [500, ""];
    asked.push(request);
    request.resume().on("end", () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => speaker.listen(0, "127.0.0.1", resolve));
  const { port } = speaker.address() as AddressInfo;
  const spoken = new ObjectStore(
    storeIn(storeUrl(`s3://${BUCKET}?endpoint=http://127.0.0.1:${port}&region=lab`), {}),
    { ...credentials, sessionToken: "token-of-an-hour" },
  );
  try {
    await work(spoken, asked);
  } finally {
    spoken.close();
    await new Promise((resolve) => speaker.close(resolve));
  }
}

describe("a store in the words of others", () => {
  const denied = (code: string, more = "") =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>No &amp; never.</Message>${more}</Error>`;

  it.each([
    [
      403,
      denied("AccessDenied"),
      /^HostError store-denied \| .*does not allow this key to write to bucket lab-results.*No & never; allow s3:PutObject there/,
    ],
    [403, denied("ExpiredToken"), /store-credentials-refused .*they have run out: sign in again$/],
    [
      400,
      denied("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
      /store-region .*observed region lab, HTTP 400 .*, expected region eu-west-1; name it in the URL/,
    ],
    [404, "<html>nothing here</html>", /store-refused .*observed HTTP 404; is it a store that speaks S3\?/],
  ])("%d is told with what to do", async (status, body, expected) => {
    await saying([[status, body]], async (spoken) => {
      expect(await refusal(spoken.put("x", text("x")))).toMatch(expected);
    });
  });

  it("has an object of that name already", async () => {
    await saying([[412, denied("PreconditionFailed")]], async (spoken, asked) => {
      expect(await spoken.put("x", text("x"))).toBe(false);
      expect(asked[0]?.headers).toMatchObject({
        ...{ "if-none-match": "*", "x-amz-security-token": "token-of-an-hour" },
        "x-amz-content-sha256": createHash("sha256").update("x").digest("hex"),
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=S3RVER\/\d{8}\/lab\/s3\/aws4_request, SignedHeaders=[^,]*if-none-match[^,]*, Signature=[0-9a-f]{64}$/,
        ),
      });
    });
  });

  it("lists page by page, and any key", async () => {
    const page = (key: string, more: string) =>
      `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lab-results</Name><Prefix/><EncodingType>url</EncodingType>${more}<Contents><Key>${key}</Key><ETag>&quot;x&quot;</ETag><Size>12</Size></Contents></ListBucketResult>`;
    const first = page(
      "a/%252E.+%2B%3C",
      "<IsTruncated>true</IsTruncated><NextContinuationToken>1ueG=/+</NextContinuationToken>",
    );
    await saying(
      [
        [200, first],
        [200, page("b", "<IsTruncated>false</IsTruncated>")],
      ],
      async (spoken, asked) => {
        expect([...(await spoken.list(""))]).toEqual([
          ["a/%2E. +<", 12],
          ["b", 12],
        ]);
        expect(
          asked.map(({ url = "" }) => new URL(url, "http://store").searchParams.get("continuation-token")),
        ).toEqual([null, "1ueG=/+"]);
      },
    );
    const firstVersion = page("a", "<IsTruncated>true</IsTruncated><NextMarker>a</NextMarker>");
    for (const body of ["<html>Welcome!</html>", firstVersion])
      await saying([[200, body]], async (spoken) => {
        expect(await refusal(spoken.list(""))).toMatch(
          /^HostError store-refused .*is it a store that speaks S3\?/,
        );
      });
  });

  it("does not know conditions: then it is asked without", async () => {
    await saying(
      [
        [501, denied("NotImplemented")],
        [200, ""],
      ],
      async (spoken, asked) => {
        expect(await spoken.put("x", text("x"))).toBe(true);
        expect(asked.map(({ headers }) => headers["if-none-match"])).toEqual(["*", undefined]);
      },
    );
  });

  it("is busy for a while: it is asked again, and at last it is said", async () => {
    const slow = [503, denied("SlowDown")] as const;
    await saying([slow, slow, [200, ""]], async (spoken, asked) => {
      expect(await spoken.put("x", text("x"))).toBe(true);
      expect(asked).toHaveLength(3);
    });
    await saying([slow], async (spoken, asked) => {
      expect(await refusal(spoken.put("x", text("x")))).toMatch(
        /^TransportError store-busy \| .*can't do PutObject now: observed HTTP 503 SlowDown/,
      );
      expect(asked).toHaveLength(4);
    });
  });
});

describe("what a store is asked with", () => {
  it("comes from the variables of Amazon's own tools where the URL does not say", () => {
    const url = storeUrl("s3://lab-results");
    expect(storeIn(url, {})).toMatchObject({ endpoint: "https://s3.us-east-1.amazonaws.com" });
    expect(storeIn(url, { AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL: "" })).toMatchObject({
      ...{ region: "eu-west-1", endpoint: "https://s3.eu-west-1.amazonaws.com" },
    });
    const named = {
      AWS_DEFAULT_REGION: "lab",
      AWS_ENDPOINT_URL: "http://a:1",
      AWS_ENDPOINT_URL_S3: "http://b:2",
    };
    expect(storeIn(url, named)).toMatchObject({ region: "lab", endpoint: "http://b:2" });
    expect(storeIn(storeUrl("s3://lab-results?endpoint=http://c:3&region=own"), named)).toMatchObject({
      ...{ region: "own", endpoint: "http://c:3" },
    });
  });

  it("is a pair of keys, and one alone is told by the other's name", () => {
    const [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY] = ["AKIAX", "hunter22"];
    expect(credentialsIn({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })).toEqual({
      ...{ accessKeyId: "AKIAX", secretAccessKey: "hunter22" },
    });
    const one = () => credentialsIn({ AWS_SECRET_ACCESS_KEY });
    expect(one).toThrow(
      "nobody says with which key the store is asked: observed no AWS_ACCESS_KEY_ID in the environment, expected both; ",
    );
    expect(one).not.toThrow("hunter22");
  });
});
