/** As much of a text as fits into so many pixels, at an average width of its letters; SVG neither wraps nor cuts. */
export function fitText(text: string, pixels: number, perLetter: number): string {
  const letters = [...text];
  const widths = letters.map((letter) => (isWide(letter) ? 2 : 1) * perLetter);
  if (widths.reduce((sum, width) => sum + width, 0) <= pixels) return text;
  let room = pixels - perLetter;
  const kept = letters.filter((_, index) => {
    room -= widths[index] ?? 0;
    return room >= 0;
  });
  return `${kept.join("").trimEnd()}…`;
}

/** Scripts whose letters are about as wide as high. */
function isWide(letter: string): boolean {
  return (letter.codePointAt(0) ?? 0) >= 0x1100;
}
