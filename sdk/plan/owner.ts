/** A resource of a stack, for people: how turns and leases on a machine name whose they are. */
export function ownerWords({
  resource,
  project,
  stack,
}: {
  readonly resource: string;
  readonly project: string;
  readonly stack: string;
}): string {
  return `${resource} of stack ${project}/${stack}`;
}
