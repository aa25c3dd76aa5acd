/** One measured line: medians in `unit`, by column, and what the project asks of it. */
export interface Row {
  readonly what: string;
  readonly unit: "ms" | "µs" | "bytes" | "KB" | "MB" | "/s" | "";
  readonly values: Readonly<Record<string, number>>;
  readonly target?: Target;
}

/** Bounds; all that are given hold together. */
export interface Target {
  /** In the row's unit. */
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Of ours over raw `ws`: a lower bound. */
  readonly ws?: number;
  /** Of ours over each peer on the same suite. */
  readonly peers?: number;
  /** Of ours over the floor. */
  readonly floor?: number;
  /** Of ours over another figure of ours, the name of which says how it was come by. */
  readonly other?: { readonly atMost: number; readonly name: string; readonly value: number };
}

/** Pairs of columns that are measured beside each other; the ratio of each pair gets a column. */
const PAIRS = [
  { ours: "thicket", theirs: "ts-mls" },
  { ours: "thicket", theirs: "ws" },
  { ours: "thicket", theirs: "Socket.IO" },
  { ours: "thicket", theirs: "floor" },
  { ours: "thicket", theirs: "with encodings" },
  { ours: "thicket, suite 3", theirs: "OpenMLS" },
] as const;

/** Rows as a table for a terminal, which is Markdown too. */
export function formatTable(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const header = ["operation", ...columns.map(({ header: text }) => text), "target", "met"];
  const body = rows.map((row) => [
    row.what,
    ...columns.map((column) => column.cell(row)),
    targetText(row.target),
    verdict(row),
  ]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((line) => line[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(header), rule, ...body.map(line)].join("\n");
}

interface Column {
  readonly header: string;
  cell(row: Row): string;
}

function columnsOf(rows: readonly Row[]): Column[] {
  const present = new Set(rows.flatMap((row) => Object.keys(row.values)));
  const columns: Column[] = [];
  const shown = new Set<string>();
  const show = (name: string): void => {
    if (!shown.has(name)) columns.push({ header: name, cell: (row) => figure(row, name) });
    shown.add(name);
  };
  for (const { ours, theirs } of PAIRS) {
    if (present.has(ours)) show(ours);
    if (!present.has(ours) || !present.has(theirs)) continue;
    show(theirs);
    columns.push({
      header: "ratio",
      cell: (row) => {
        const ratio = ratioOf(row, ours, theirs);
        return ratio === undefined ? "" : `${ratio.toFixed(2)}x`;
      },
    });
  }
  return columns;
}

function figure(row: Row, column: string): string {
  const value = row.values[column];
  return value === undefined ? "" : `${formatNumber(value)} ${row.unit}`.trimEnd();
}

function ratioOf(row: Row, ours: string, theirs: string): number | undefined {
  const [a, b] = [row.values[ours], row.values[theirs]];
  return a === undefined || b === undefined ? undefined : a / b;
}

function targetText(target: Target | undefined): string {
  if (target === undefined) return "";
  const parts = [
    target.atMost === undefined ? [] : [`<= ${target.atMost}`],
    target.atLeast === undefined ? [] : [`>= ${target.atLeast}`],
    target.ws === undefined ? [] : [`ws >= ${target.ws}x`],
    target.peers === undefined ? [] : [`peers <= ${target.peers}x`],
    target.floor === undefined ? [] : [`floor <= ${target.floor}x`],
    target.other === undefined ? [] : [`${target.other.name} <= ${target.other.atMost}x`],
  ];
  return parts.flat().join(", ");
}

/** "yes", or what misses its bound. */
function verdict(row: Row): string {
  const { target } = row;
  if (target === undefined) return "";
  const ours = row.values["thicket"];
  const missed: string[] = [];
  if (target.atMost !== undefined && !(ours !== undefined && ours <= target.atMost)) missed.push("no");
  if (target.atLeast !== undefined && !(ours !== undefined && ours >= target.atLeast)) missed.push("no");
  const ofWs = ratioOf(row, "thicket", "ws");
  if (target.ws !== undefined && !(ofWs !== undefined && ofWs >= target.ws)) missed.push("no (ws)");
  for (const pair of PAIRS) {
    const bound = boundOf(target, pair.theirs);
    const ratio = ratioOf(row, pair.ours, pair.theirs);
    if (bound !== undefined && ratio !== undefined && ratio > bound) missed.push(`no (${pair.theirs})`);
  }
  const { other } = target;
  if (other !== undefined && ours !== undefined && ours / other.value > other.atMost) {
    missed.push(`no (${(ours / other.value).toFixed(2)}x)`);
  }
  return missed.length === 0 ? "yes" : missed.join(", ");
}

function boundOf(target: Target, theirs: (typeof PAIRS)[number]["theirs"]): number | undefined {
  if (theirs === "with encodings") return undefined; // it explains a ratio to the floor, and is no aim by itself
  return theirs === "floor" ? target.floor : target.peers;
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3);
}
