/** One measured line: medians in `unit`; `ratio` is ours over the peer's, in the same run. */
export interface Row {
  what: string;
  ours: number;
  unit: "ms" | "bytes" | "1/s";
  peers: Record<string, number>;
  ratio?: number;
}

/** Rows as a table for a terminal, which is Markdown too. */
export function formatTable(rows: readonly Row[]): string {
  const peers = [...new Set(rows.flatMap((row) => Object.keys(row.peers)))];
  const header = ["operation", "thicket", ...peers, "ratio"];
  const body = rows.map((row) => [
    row.what,
    `${formatNumber(row.ours)} ${row.unit}`,
    ...peers.map((peer) =>
      row.peers[peer] === undefined ? "" : `${formatNumber(row.peers[peer])} ${row.unit}`,
    ),
    row.ratio === undefined ? "" : `${row.ratio.toFixed(2)}x`,
  ]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((line) => line[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(header), rule, ...body.map(line)].join("\n");
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
