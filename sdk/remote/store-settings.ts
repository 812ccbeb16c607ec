import { InputError } from "../units/errors.ts";
import { formatStoreUrl, type StoreUrl, storeEndpoint } from "../units/store-url.ts";

/** What requests to a store are signed with. Kept in memory only, and never sent. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that live for hours, as role and single sign-on give them. */
  readonly sessionToken?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A place in a store whose settings are all told. */
export type Store = StoreUrl & Required<Pick<StoreUrl, "endpoint" | "region">>;

const REGION = "us-east-1";

/**
 * A place with what its URL leaves out, by the environment variables of Amazon's own tools: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION and AWS_DEFAULT_REGION. Without any it is
 * Amazon's store in us-east-1.
 *
 * @throws InputError `store-url` where a variable holds no endpoint
 */
export function storeIn(url: StoreUrl, environment: Environment): Store {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = environment;
  const region = url.region ?? (AWS_REGION || AWS_DEFAULT_REGION || REGION);
  const named = AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL;
  return { ...url, region, endpoint: url.endpoint ?? (named ? storeEndpoint(named) : amazons(region)) };
}

/** The URL of a key, by which it is found whatever variables are set elsewhere. */
export function urlIn({ bucket, prefix, endpoint, region }: Store, key = prefix): string {
  const place: StoreUrl = {
    ...{ bucket, prefix },
    ...(endpoint !== amazons(region) && { endpoint }),
    ...(region !== REGION && { region }),
  };
  return formatStoreUrl(place, key);
}

function amazons(region: string): string {
  return `https://s3.${region}.amazonaws.com`;
}

/**
 * Credentials by the environment variables of Amazon's own tools: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
 *
 * @throws InputError `store-credentials` where they are missing, in whole or in half
 */
export function credentialsIn(environment: Environment): StoreCredentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY)
    return {
      ...{ accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
      ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
    };
  const missing = [
    ...(AWS_ACCESS_KEY_ID ? [] : ["AWS_ACCESS_KEY_ID"]),
    ...(AWS_SECRET_ACCESS_KEY ? [] : ["AWS_SECRET_ACCESS_KEY"]),
  ];
  throw new InputError({
    code: "store-credentials",
    problem: "nobody says with which key the store is asked",
    observed: `no ${missing.join(" and no ")} in the environment`,
    expected: "both",
    hint: "set them; where a stack writes there, the secret nfvlab:resultsCredentials does as well",
  });
}
