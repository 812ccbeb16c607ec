import { z } from "zod";
import { Connection } from "../schema/connection.ts";
import type { PropertyPath } from "../schema/definition.ts";
import { InputError } from "../units/errors.ts";
import { isStoreUrl, storeUrl } from "../units/store-url.ts";
import { type Decoded, formatPath, within } from "./wire.ts";

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

interface CheckedBy {
  readonly definition: { readonly inputs: z.ZodObject };
  check?(inputs: never): void;
}

/**
 * Everything that can be said against inputs before a machine is asked, all at once. What hangs on a value that is not known yet is left for
 * the check that the engine makes again when it is.
 */
export function checkInputs(handler: CheckedBy, { value, unknown }: Decoded): Failure[] {
  const result = handler.definition.inputs.safeParse(value, { reportInput: true });
  if (!result.success) {
    return result.error.issues.filter((issue) => !hangsOnUnknown(issue, unknown)).flatMap(failuresOf);
  }
  try {
    if (unknown.length === 0) handler.check?.(result.data as never);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { property = "", message } = error;
    return [{ property, reason: property === "" ? message : message.slice(property.length + 2) }];
  }
}

function hangsOnUnknown(issue: z.core.$ZodIssue, unknown: readonly PropertyPath[]): boolean {
  const path = issue.path as PropertyPath;
  // A union whose tag or member is unknown reports at the union itself.
  return (
    within(path, unknown) ||
    (issue.code === "invalid_union" && unknown.some((other) => within(other, [path])))
  );
}

/** zod's own sentences, in this project's grammar: observed, expected, what to do. */
function failuresOf(issue: z.core.$ZodIssue): Failure[] {
  const property = formatPath(issue.path as PropertyPath);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((name) => ({
        property: formatPath([...(issue.path as PropertyPath), name]),
        reason: `there is no property ${JSON.stringify(name)}; remove it or correct its name`,
      }));
    case "invalid_value":
      return [
        {
          property,
          reason: `${seen(issue.input)}expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`,
        },
      ];
    // What is wrong with a name in a map; zod's own sentence says that one is.
    case "invalid_key":
      return issue.issues.flatMap((inner) => failuresOf({ ...inner, path: issue.path }));
    case "invalid_type":
      return [
        {
          property,
          reason: issue.input === undefined ? missing(issue.message, issue.expected) : issue.message,
        },
      ];
    case "invalid_union": {
      const options = /Expected (.*)$/.exec(issue.message)?.[1]?.replaceAll("'", '"').replaceAll("|", "or");
      if (options === undefined) return alternativeFailures(issue, property);
      const tag = (issue.input as Record<string, unknown> | undefined)?.[String(issue.path.at(-1))];
      return [{ property, reason: `${seen(tag)}expected ${options}` }];
    }
    default:
      return [{ property, reason: issue.message }];
  }
}

/** Of alternatives without a tag that one is meant whose type the value has: what is wrong is said of that. */
function alternativeFailures(issue: z.core.$ZodIssueInvalidUnion, property: string): Failure[] {
  const meant = issue.errors.filter(
    (errors) => !errors.some(({ code, path }) => code === "invalid_type" && path.length === 0),
  );
  const [only = []] = meant;
  if (meant.length !== 1)
    return [{ property, reason: issue.input === undefined ? "is missing" : issue.message }];
  return only.flatMap((inner) => failuresOf({ ...inner, path: [...issue.path, ...inner.path] }));
}

function missing(message: string, expected: string): string {
  const wanted = /expected (.*)$/.exec(message)?.[1];
  return `is missing, expected ${message.startsWith("observed") && wanted !== undefined ? wanted : `a value of type ${expected}`}`;
}

function seen(input: unknown): string {
  return input === undefined ? "is missing, " : `observed ${JSON.stringify(input)}, `;
}

/** The provider's own configuration: machines by name, from which resources can be imported, and where runs are kept. */
const ProviderConfig = z.object({
  hosts: z.record(z.string(), Connection).optional(),
  results: z
    .string()
    .refine((place) => isStoreUrl(place) || (place !== "" && !/^[a-z][a-z0-9+.-]+:/i.test(place)), {
      error: ({ input }) =>
        `observed ${JSON.stringify(input)}, expected a folder, or s3://BUCKET/PREFIX in an object store`,
    })
    .optional(),
});

/** Credentials of the object store. What is wrong about them is said without any of them. */
const ResultsCredentials = z.strictObject({
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
});

interface KnownConfig {
  readonly failures: Failure[];
  readonly hosts: Record<string, Connection>;
  /** A folder as the user names it, or the URL of a place in an object store. */
  readonly results?: string | undefined;
  readonly resultsCredentials?: z.infer<typeof ResultsCredentials> | undefined;
}

/** Reads `nfvlab:hosts`, `nfvlab:results` and `nfvlab:resultsCredentials`. The engine hands structured configuration over as JSON text. */
export function checkProviderConfig({ value, unknown }: Pick<Decoded, "value" | "unknown">): KnownConfig {
  const known = Object.entries({ ...value, hosts: fromJson(value.hosts) }).filter(
    ([name]) => !within([name], unknown),
  );
  const result = ProviderConfig.safeParse(Object.fromEntries(known), { reportInput: true });
  if (!result.success) return { failures: result.error.issues.flatMap(failuresOf), hosts: {} };
  const { hosts = {}, results } = result.data;
  const { resultsCredentials: given } = value;
  const credentials = given === undefined ? undefined : ResultsCredentials.safeParse(fromJson(given));
  const failures = [
    ...placeFailures(results),
    ...(credentials?.success === false
      ? [
          hidden(
            "nfvlab:resultsCredentials: expected an object with accessKeyId, secretAccessKey and, where there is one, sessionToken, all of them texts",
          ),
        ]
      : []),
  ];
  return failures.length > 0
    ? { failures, hosts }
    : { failures, hosts, results, resultsCredentials: credentials?.data };
}

/**
 * Refuses credentials that the user has not made a secret. Only Configure can tell: when it checks configuration, the engine hands secrets over as if they were none.
 *
 * @throws InputError `results-credentials`
 */
export function requireSecretCredentials({ value, secret }: Decoded): void {
  if (value.resultsCredentials === undefined || secret.some(([name]) => name === "resultsCredentials"))
    return;
  throw new InputError({
    code: "results-credentials",
    problem: "nfvlab:resultsCredentials is no secret, and would be read in the stack's files",
    expected: "a secret",
    hint: "set it anew, and take others, since these are in a file: pulumi config set --secret nfvlab:resultsCredentials < FILE",
  });
}

function placeFailures(results: string | undefined): Failure[] {
  try {
    if (results !== undefined && isStoreUrl(results)) storeUrl(results);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [hidden(`nfvlab:results: ${error.message}`)];
  }
}

/** A failure of a value that nobody may be shown: of a named property the engine prints the value. */
function hidden(reason: string): Failure {
  return { property: "", reason };
}

function fromJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
