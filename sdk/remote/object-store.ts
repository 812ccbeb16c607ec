import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import http from "node:http";
import https from "node:https";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import pLimit from "p-limit";
import { listingOf, refusalOf } from "./store-answer.ts";
import { storeRefusal, storeUnreachable } from "./store-error.ts";
import type { Store, StoreCredentials } from "./store-settings.ts";

/** A file of this machine, with what is known of it already. */
export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

interface Request {
  readonly action: "PutObject" | "GetObject" | "ListObjectsV2";
  readonly method: "GET" | "PUT";
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly search?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StoredFile;
}

interface Answer {
  readonly status: number;
  readonly date: Date | undefined;
  readonly body: Buffer;
}

const AT_ONCE = 8;
/** Pauses before what failed is tried again, ms. */
const PAUSES_MS = [200, 1000, 4000];
/** How long a store may say nothing, ms. */
const SILENCE_MS = 60_000;
const NOTHING = new Uint8Array();
/** A store is asked whether it takes a file of so many bytes, before that is on its way. */
const LARGE_BYTES = 1_000_000;
/** How long it may take to say so; one that does not know the question says nothing, ms. */
const CONSENT_MS = 1000;

/**
 * A bucket of a store that speaks S3, Amazon's or another. Requests name it in their path, are signed by AWS Signature Version 4 over what they carry as well, and are tried again where the store is busy or the connection
 * breaks. Nothing is ever removed or replaced: an object is written where there is none.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
export class ObjectStore {
  readonly #store: Store;
  readonly #credentials: StoreCredentials;
  readonly #clock: () => Date;
  readonly #limit = pLimit(AT_ONCE);
  readonly #agent: http.Agent;

  /** @param clock by which requests are signed */
  constructor(store: Store, credentials: StoreCredentials, clock: () => Date = () => new Date()) {
    this.#store = store;
    this.#credentials = credentials;
    this.#clock = clock;
    const Agent = isSecure(store) ? https.Agent : http.Agent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  }

  /**
   * Writes an object where there is none.
   *
   * @returns whether it was written; false where there is one of that name, whatever is in it. A store that does not know conditional writes replaces it.
   * @throws HostError, TransportError `store-…`
   */
  async put(key: string, content: Uint8Array | StoredFile): Promise<boolean> {
    const request = { action: "PutObject", method: "PUT", key, body: content } as const;
    const answer = await this.#send({ ...request, headers: { "if-none-match": "*" } });
    if (answer.status === 412) return false;
    // Some stores do not know the condition, and say so.
    const done = answer.status === 501 ? await this.#send(request) : answer;
    this.#require(request, done);
    return true;
  }

  /** What is in an object; undefined where there is none. */
  async get(key: string): Promise<Buffer | undefined> {
    const request = { action: "GetObject", method: "GET", key } as const;
    const answer = await this.#send(request);
    if (answer.status === 404 && refusalOf(answer.body.toString()).code === "NoSuchKey") return undefined;
    this.#require(request, answer);
    return answer.body;
  }

  /** Keys that begin so, with their size in bytes, in the store's order. */
  async list(prefix: string): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    let next: string | undefined;
    do {
      const search = {
        ...{ "encoding-type": "url", "list-type": "2", prefix },
        ...(next !== undefined && { "continuation-token": next }),
      };
      const request = { action: "ListObjectsV2", method: "GET", key: "", search } as const;
      const answer = await this.#send(request);
      this.#require(request, answer);
      const listing = listingOf(answer.body.toString());
      if (listing === undefined) throw this.#refusal(request, answer);
      for (const [key, bytes] of listing.objects) found.set(key, bytes);
      next = listing.next;
    } while (next !== undefined);
    return found;
  }

  /** Lets go of its connections. */
  close(): void {
    this.#agent.destroy();
  }

  #require(request: Request, answer: Answer): void {
    if (answer.status >= 300) throw this.#refusal(request, answer);
  }

  #refusal({ action }: Request, { status, date, body }: Answer): Error {
    const refusal = refusalOf(body.toString());
    return storeRefusal({ action, store: this.#store, status, refusal, date, now: this.#clock() });
  }

  async #send(request: Request, pauses: readonly number[] = PAUSES_MS): Promise<Answer> {
    const [pause, ...rest] = pauses;
    const answer = await this.#limit(() => this.#once(request)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).path !== undefined) throw error;
      if (pause === undefined || !isCutOff(error)) throw storeUnreachable(this.#store, error);
      return undefined;
    });
    if (answer !== undefined && (pause === undefined || !isBusy(answer))) return answer;
    await sleep(pause);
    return this.#send(request, rest);
  }

  async #once({ method, key, search, headers, body = NOTHING }: Request): Promise<Answer> {
    const { bucket, endpoint, region } = this.#store;
    const url = new URL(endpoint);
    url.pathname = [bucket, ...(key === "" ? [] : key.split("/"))].map(encodeURIComponent).join("/");
    url.search = new URLSearchParams(search).toString();
    const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials;
    const isFile = !(body instanceof Uint8Array);
    const isLarge = isFile && body.bytes >= LARGE_BYTES;
    const sha256 = isFile ? body.sha256 : createHash("sha256").update(body).digest("hex");
    const signer = new AwsV4Signer({
      ...{ method, url: url.href, region, service: "s3", accessKeyId, secretAccessKey },
      ...(sessionToken !== undefined && { sessionToken }),
      datetime: this.#clock()
        .toISOString()
        .replaceAll(/[:-]|\.\d{3}/g, ""),
      headers: { ...headers, "x-amz-content-sha256": sha256 },
    });
    const signed = await signer.sign();
    const options: https.RequestOptions = {
      ...{ method, agent: this.#agent, timeout: SILENCE_MS },
      // What is asked for is letter by letter what was signed.
      path: `${signer.encodedPath}${signer.encodedSearch === "" ? "" : `?${signer.encodedSearch}`}`,
      headers: {
        ...Object.fromEntries(signed.headers),
        "content-length": isFile ? body.bytes : body.length,
        ...(isLarge && { expect: "100-continue" }),
      },
    };
    return new Promise((resolve, reject) => {
      const request = (isSecure(this.#store) ? https : http).request(url, options, (response) => {
        const { statusCode: status = 0, headers: answered } = response;
        const date = answered.date === undefined ? undefined : new Date(answered.date);
        buffer(response).then((content) => resolve({ status, date, body: content }), reject);
      });
      request.on("error", reject);
      request.on("timeout", () =>
        request.destroy(
          Object.assign(new Error(`no word within ${SILENCE_MS / 1000} s`), { code: "ETIMEDOUT" }),
        ),
      );
      const send = () => {
        if (isFile) pipeline(createReadStream(body.path), request).catch(reject);
        else request.end(body);
      };
      if (isLarge) consent(request).then(send, () => request.destroy());
      else send();
    });
  }
}

/** Resolves once a store lets a request's body come, or keeps silent; rejects once it has answered without. */
function consent(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const silent = setTimeout(resolve, CONSENT_MS);
    request.once("continue", resolve);
    request.once("response", (response) => response.once("end", reject));
    request.once("close", reject);
    for (const over of ["continue", "response", "close"]) request.once(over, () => clearTimeout(silent));
  });
}

function isSecure({ endpoint }: Store): boolean {
  return endpoint.startsWith("https:");
}

/** Whether asking once more may do: another request for the same key is under way, there are too many, or something failed that need not fail again. */
function isBusy({ status }: Answer): boolean {
  return [409, 429, 500, 503].includes(status);
}

/** Whether a connection that was there broke. */
function isCutOff(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "");
}
