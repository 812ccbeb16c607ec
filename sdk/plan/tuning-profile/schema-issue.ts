interface Issue {
  readonly message: string;
  /** What is wrong with a key of a record. */
  readonly issues?: readonly Issue[];
}

/** What a schema has against a value, in one clause; undefined where it takes it. */
export function schemaIssue(result: {
  readonly success: boolean;
  readonly error?: { readonly issues: readonly unknown[] } | undefined;
}): string | undefined {
  if (result.success) return undefined;
  return ((result.error?.issues ?? []) as readonly Issue[])
    .flatMap(({ message, issues }) => issues?.map((inner) => inner.message) ?? [message])
    .join("; ");
}
