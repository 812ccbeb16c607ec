import { HostError, type LabError, TransportError } from "../units/errors.ts";
import type { Refusal } from "./store-answer.ts";
import type { Store } from "./store-settings.ts";

/** A request that a store did not do. */
export interface Refused {
  /** What was to be done, in S3's own word, by which its permissions are called: `PutObject`. */
  readonly action: string;
  readonly store: Store;
  readonly status: number;
  readonly refusal: Refusal;
  /** By the store's clock; undefined where it does not tell. */
  readonly date: Date | undefined;
  /** By this machine's clock. */
  readonly now: Date;
}

/** Says why a store refuses a request, and what to do about it. */
export function storeRefusal({ action, store, status, refusal, date, now }: Refused): LabError {
  const { bucket, endpoint, region } = store;
  const { code, message } = refusal;
  const said = `HTTP ${status}${code === "" ? "" : ` ${code}`}${message === "" ? "" : `: ${oneLine(message)}`}`;
  switch (code) {
    case "NoSuchBucket":
      return new HostError({
        code: "store-bucket-missing",
        problem: `there is no bucket ${bucket} at ${endpoint}`,
        observed: said,
        hint: `make it: aws s3 mb s3://${bucket} --endpoint-url ${endpoint}; or name another one`,
      });
    case "RequestTimeTooSkewed":
    case "RequestExpired":
      return new HostError({
        code: "store-clock",
        problem: `the clock of this machine is not that of the store at ${endpoint}`,
        observed: `${now.toISOString()} here, ${date?.toISOString() ?? "not told"} there`,
        expected: "less than 15 minutes between them",
        hint: "set the clock that is wrong: timedatectl set-ntp true",
      });
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "InvalidToken":
    case "InvalidClientTokenId":
    case "ExpiredToken":
      return new HostError({
        code: "store-credentials-refused",
        problem: `the store at ${endpoint} does not take these credentials`,
        observed: said,
        hint: CREDENTIALS[code],
      });
    case "AccessDenied":
      return new HostError({
        code: "store-denied",
        problem: `the store at ${endpoint} does not allow this key to ${DOES[action] ?? action} bucket ${bucket}`,
        observed: said,
        hint: `allow s3:${PERMISSIONS[action] ?? action} there, or take a key that has it`,
      });
    case "AuthorizationHeaderMalformed":
    case "PermanentRedirect":
      return new HostError({
        code: "store-region",
        problem: `bucket ${bucket} is asked for in the wrong region`,
        observed: `region ${region}, ${said}`,
        ...(refusal.region !== undefined && { expected: `region ${refusal.region}` }),
        hint: "name it in the URL: s3://BUCKET/PREFIX?region=REGION",
      });
    default:
      return status >= 500 || status === 429
        ? new TransportError({
            code: "store-busy",
            problem: `the store at ${endpoint} can't do ${action} now`,
            observed: said,
            hint: "try again later",
          })
        : new HostError({
            code: "store-refused",
            problem: `the store at ${endpoint} does not do ${action} with bucket ${bucket}`,
            observed: said,
            hint:
              code === ""
                ? "is it a store that speaks S3? name the endpoint of its API"
                : "ask whoever runs it",
          });
  }
}

const CREDENTIALS = {
  InvalidAccessKeyId: "it knows no such access key: take one that it has made",
  SignatureDoesNotMatch:
    "the secret key is another one than that of the access key, or something between changes requests",
  InvalidToken: "the session token is of other credentials, or of another store",
  InvalidClientTokenId: "it knows no such access key: take one that it has made",
  ExpiredToken: "they have run out: sign in again",
} as const;

const DOES: Readonly<Record<string, string>> = {
  PutObject: "write to",
  GetObject: "read from",
  ListObjectsV2: "list",
};

/** Listing is allowed by a permission of another name. */
const PERMISSIONS: Readonly<Record<string, string>> = { ListObjectsV2: "ListBucket" };

/** Nothing is known of a store that can't be reached. */
export function storeUnreachable({ endpoint }: Store, cause: unknown): TransportError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new TransportError({
    code: "store-unreachable",
    problem: `the store at ${endpoint} can't be reached`,
    observed: code === undefined || message.includes(code) ? message : `${code}: ${message}`,
    hint: hintOf(code),
    cause,
  });
}

function hintOf(code: string | undefined): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "correct the endpoint's name, or mend name resolution";
  if (code !== undefined && /CERT|SIGNATURE|SSL|TLS/.test(code))
    return "have this machine trust the store's certificate: NODE_EXTRA_CA_CERTS=FILE";
  return "is it running, and does a firewall let this machine through?";
}

/** What somebody else wrote, as part of a sentence. */
function oneLine(message: string): string {
  return message
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .replace(/\.$/, "")
    .slice(0, 300);
}
