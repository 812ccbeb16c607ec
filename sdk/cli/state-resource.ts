/** A resource as `pulumi stack export` shows it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  /** Absent of components. */
  readonly id?: string;
  /** Its replacement is there; it waits to be deleted. */
  readonly delete?: boolean;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Ids begin with the lab's name of the machine. `host` itself is no help: it holds the connection, so the state has it encrypted. */
export function hostNameOf({ id = "" }: StateResource): string {
  return id.split("/")[0] ?? "";
}

/** The name that the program gave. */
export function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

export function text(resource: StateResource, property: string): string {
  return String(resource.outputs?.[property] ?? "");
}

export function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.map(String) : [];
}
