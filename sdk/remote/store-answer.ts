import { XMLParser } from "fast-xml-parser";

/** What a store answered, as far as it says so in S3's notation. */
export interface Refusal {
  /** `NoSuchBucket`; empty where the answer is not in that notation. */
  readonly code: string;
  readonly message: string;
  /** The region that the bucket is in, where it is another than the one asked. */
  readonly region?: string;
}

/** A page of a listing. */
export interface Listing {
  /** Keys with their size in bytes. */
  readonly objects: readonly (readonly [key: string, bytes: number])[];
  /** What asks for the next page; undefined of the last. */
  readonly next: string | undefined;
}

const parser = new XMLParser({
  parseTagValue: false,
  ignoreAttributes: true,
  processEntities: true,
  isArray: (name) => name === "Contents",
});

type Tags = Readonly<Record<string, unknown>>;

/** Why a store refuses something. */
export function refusalOf(body: string): Refusal {
  const { Code, Message, Region } = tagsOf(body, "Error") ?? {};
  return {
    ...{ code: textOf(Code), message: textOf(Message) },
    ...(Region !== undefined && { region: textOf(Region) }),
  };
}

/**
 * A page of `ListObjectsV2` with `encoding-type=url`; undefined where it is none, or says of a next page but not how to ask for it, as of the first version of that request.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function listingOf(body: string): Listing | undefined {
  const result = tagsOf(body, "ListBucketResult");
  if (result === undefined) return undefined;
  const { Contents = [], IsTruncated, NextContinuationToken, EncodingType } = result;
  const isLast = textOf(IsTruncated) !== "true";
  const next = textOf(NextContinuationToken);
  if (!isLast && next === "") return undefined;
  const key = EncodingType === "url" ? decoded : (text: string) => text;
  return {
    objects: (Contents as readonly Tags[]).map(({ Key, Size }) => [key(textOf(Key)), Number(textOf(Size))]),
    next: isLast ? undefined : next,
  };
}

/** A key that is not encoded although the answer says so is taken as it is. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return key;
  }
}

function tagsOf(body: string, root: string): Tags | undefined {
  try {
    const tags = (parser.parse(body) as Tags)[root];
    return tags === "" ? {} : ((tags as Tags | undefined) ?? undefined);
  } catch {
    return undefined;
  }
}

/** Of a text that somebody else wrote, what can stand in a sentence. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
