/** One `key = value` of a document; a value goes on in the lines below that are indented deeper. */
export interface IniLine {
  readonly section: string;
  readonly key: string;
  /** Undefined for a key alone, which only files of variables may have. */
  readonly value: string | undefined;
  readonly line: number;
}

export interface IniText {
  /** Every section in its order, also those without a line. */
  readonly sections: readonly string[];
  readonly lines: readonly IniLine[];
  /** What cannot be read, with its line. */
  readonly problems: ReadonlyArray<{
    readonly line: number;
    readonly text: string;
    readonly problem: string;
  }>;
}

/**
 * Reads INI as tuned does: `=` alone parts a key from its value, `#` and `;` begin a comment at the start of a line, `#` also behind white space,
 * keys keep their case, and a section or key may come twice.
 *
 * @param section the section of what stands before any header; undefined where that is an error
 */
export function readIni(text: string, section?: string): IniText {
  const sections: string[] = section === undefined ? [] : [section];
  const lines: (IniLine & { parts: string[] })[] = [];
  const problems: { line: number; text: string; problem: string }[] = [];
  let current = section;
  let open: { parts: string[] } | undefined;
  let indent = 0;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const isComment = /^\s*[#;]/.test(raw);
    const content = isComment ? "" : raw.replace(/(^|\s)#.*$/, "").trim();
    if (content === "") {
      if (raw.trim() === "") open?.parts.push("");
      continue;
    }
    const depth = raw.length - raw.trimStart().length;
    if (open !== undefined && depth > indent) {
      open.parts.push(content);
      continue;
    }
    indent = depth;
    open = undefined;
    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      current = header;
      if (!sections.includes(header)) sections.push(header);
      continue;
    }
    const [, key, value] = /^([^=]*?)\s*(?:=\s*(.*))?$/.exec(content) ?? [];
    if (current === undefined)
      problems.push({ line, text: content, problem: "it stands before any section" });
    else if (key === undefined || key === "")
      problems.push({ line, text: content, problem: "it has no key before the =" });
    else if (value === undefined && section === undefined)
      problems.push({ line, text: content, problem: "it is neither key=value nor a [section]" });
    else {
      const entry = { section: current, key, value, line, parts: value === undefined ? [] : [value] };
      lines.push(entry);
      if (value !== undefined) open = entry;
    }
  }
  return {
    sections,
    lines: lines.map(({ parts, value, ...entry }) => ({
      ...entry,
      value: value === undefined ? undefined : parts.join("\n").trimEnd(),
    })),
    problems,
  };
}
