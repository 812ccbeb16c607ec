const COLUMNS = 100;

/** Lines of at most 100 columns. Breaks at spaces; a word that is longer than a line stays whole, so that it can be copied. */
export function wrap(text: string, indent = 4): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${" ".repeat(indent)}${each}`);
}
