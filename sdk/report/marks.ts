/** What has to be known of a record before its numbers are read. */
export function renderMarks({
  functional,
  valid,
}: {
  readonly functional: boolean;
  readonly valid: boolean;
}): string {
  const marks = [...(functional ? ["functional"] : []), ...(valid ? [] : ["invalid"])];
  return marks.map((mark) => `<span class="mark ${mark}">${mark}</span>`).join(" ");
}
