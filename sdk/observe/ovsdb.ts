import { jsonOf } from "./understood.ts";

/** A row of an OVSDB table, its cells decoded: atoms, arrays for sets, plain records for maps. Unset optional columns are empty arrays. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Reads what `ovs-vsctl --format=json` prints: one JSON object a table, cells in the notation of RFC 7047. A set of one may stand as its bare element.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7047#section-5.1
 */
export function decodeTables(text: string): Row[][] {
  return text
    .split("\n")
    .filter((line) => line.trim().startsWith("{"))
    .map((line) => {
      const { headings, data } = jsonOf(line) as { headings: string[]; data: unknown[][] };
      return data.map((cells) =>
        Object.fromEntries(headings.map((heading, index) => [heading, decodeCell(cells[index])])),
      );
    });
}

function decodeCell(cell: unknown): unknown {
  if (!Array.isArray(cell)) return cell;
  const [kind, content] = cell as [string, unknown];
  if (kind === "uuid") return content;
  if (kind === "set") return (content as unknown[]).map(decodeCell);
  return Object.fromEntries(
    (content as [unknown, unknown][]).map(([name, value]) => [String(decodeCell(name)), decodeCell(value)]),
  );
}

/** A column that may be unset, or hold one value or several. */
export function listOf(cell: unknown): unknown[] {
  return Array.isArray(cell) ? cell : cell === undefined ? [] : [cell];
}

/** A column that may be unset. */
export function optional<T>(cell: unknown): T | undefined {
  return listOf(cell)[0] as T | undefined;
}

export function mapOf(cell: unknown): Readonly<Record<string, string>> {
  return (cell ?? {}) as Readonly<Record<string, string>>;
}
