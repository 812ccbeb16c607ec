import { InputError } from "./errors.ts";

/** A place in an object store: `s3://lab-results/nfv?endpoint=https://minio.lab:9000&region=lab`. */
export interface StoreUrl {
  readonly bucket: string;
  /** What the keys of all objects begin with, without a slash at either end; empty for the whole bucket. */
  readonly prefix: string;
  /** Origin of a store other than Amazon's: `https://minio.lab:9000`. */
  readonly endpoint?: string;
  readonly region?: string;
}

const EXAMPLE = "s3://lab-results/nfv, or s3://lab-results/nfv?endpoint=https://minio.lab:9000&region=lab";
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const SETTINGS = ["endpoint", "region"];

/** Whether a text names a place in an object store, well or badly. */
export function isStoreUrl(text: string): boolean {
  return /^s3:/i.test(text);
}

/**
 * Takes the URL of a place in an object store apart. Its path is the prefix letter by letter, as the store's own tools take it: nothing in it is decoded.
 *
 * @throws InputError `store-url`, which never shows a URL that may hold a password
 * @example storeUrl("s3://lab-results/nfv").prefix; // "nfv"
 */
export function storeUrl(text: string): StoreUrl {
  const [, bucket = "", path = "", query = ""] = /^s3:\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/.exec(text) ?? [];
  if (bucket.includes("@")) throw holdsCredentials("its bucket has an @");
  const settings = new URLSearchParams(query);
  const unknown = [...settings.keys()].find((name) => !SETTINGS.includes(name));
  if (unknown !== undefined) throw holdsCredentials(`it has a setting ${unknown}`);
  if (!BUCKET.test(bucket))
    throw wrong(
      JSON.stringify(text),
      `the bucket's name, 3 to 63 of the characters a-z 0-9 . -, for instance ${EXAMPLE}`,
    );
  const prefix = path.replace(/^\//, "").replace(/\/$/, "");
  if (prefix !== "" && prefix.split("/").some((part) => /^\.{0,2}$/.test(part) || /\p{Cc}/u.test(part)))
    throw wrong(
      JSON.stringify(text),
      `a prefix of names between single slashes, none of them . or .., for instance ${EXAMPLE}`,
    );
  const [endpoint, region] = SETTINGS.map((name) => settings.get(name) ?? undefined);
  if (region !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(region))
    throw wrong(`region ${JSON.stringify(region)}`, "letters, digits and hyphens, for instance eu-central-1");
  return {
    ...{ bucket, prefix },
    ...(endpoint !== undefined && { endpoint: storeEndpoint(endpoint) }),
    ...(region !== undefined && { region }),
  };
}

/**
 * The origin of a store, as it is asked.
 *
 * @throws InputError `store-url`
 */
export function storeEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && `${url.username}${url.password}` !== "")
    throw holdsCredentials("its endpoint has");
  const isOrigin =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    `${url.pathname}${url.search}${url.hash}` === "/" &&
    url.hostname !== "";
  if (!isOrigin)
    throw wrong(
      `endpoint ${JSON.stringify(text)}`,
      "http or https, a name or an address, and a port where it needs one, for instance https://minio.lab:9000",
    );
  return url.origin;
}

/** The URL of a key, with what is needed to find its store again. */
export function formatStoreUrl({ bucket, endpoint, region, prefix }: StoreUrl, key = prefix): string {
  const settings = [
    ...(endpoint === undefined ? [] : [`endpoint=${endpoint}`]),
    ...(region === undefined ? [] : [`region=${region}`]),
  ];
  return `s3://${bucket}${key === "" ? "" : `/${key}`}${settings.length === 0 ? "" : `?${settings.join("&")}`}`;
}

function wrong(observed: string, expected: string): InputError {
  return new InputError({
    ...{ code: "store-url", problem: "not a place in an object store" },
    ...{ observed, expected },
  });
}

/** What may be a password is not shown. */
function holdsCredentials(observed: string): InputError {
  return new InputError({
    code: "store-url",
    problem: "the URL of a store names its bucket, prefix, endpoint and region alone",
    observed,
    expected: EXAMPLE,
    hint: "credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the secret nfvlab:resultsCredentials",
  });
}
