/**
 * Charts as SVG text. Each stands alone, with colours for light and dark that follow the reader's system, so it can be an
 * image of a page. A value is told as the median of its rounds; a thin line spans the least and the most.
 */
import { median, short } from "../statistics.ts";

export interface Labels {
  readonly title: string;
  /** With its unit. */
  readonly xAxis: string;
}

/** Values round by round, under a name. */
export interface Series {
  readonly name: string;
  readonly rounds: readonly number[];
}

/** A row of a chart, with one value of each kind. */
export interface Group {
  readonly name: string;
  readonly values: readonly Series[];
}

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly rounds: readonly number[] }[];
}

const WIDTH = 820;
const LEFT = 250;
const RIGHT = 90;
const TOP = 70;
const BOTTOM = 56;
const ROW = 30;
const LINES_HEIGHT = 280;
const LINES_LEFT = 70;
const LINES_RIGHT = 230;
const LABEL_DISTANCE = 15;
const DOT_DISTANCE = 7;
const LINE_DISTANCE = 5;

const STYLE = `text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#59636e}
.back{fill:#fff}.grid{stroke:#d1d9e0}.spread{stroke:#1f2328;stroke-width:1.5;fill:none}.c0{fill:#0969da;stroke:#0969da}
.c1{fill:#bc4c00;stroke:#bc4c00}.c2{fill:#8250df;stroke:#8250df}.c3{fill:#1a7f37;stroke:#1a7f37}.c4{fill:#bf3989;stroke:#bf3989}
.line{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.back{fill:#0d1117}.grid{stroke:#3d444d}.spread{stroke:#f0f6fc}
.c0{fill:#4493f8;stroke:#4493f8}.c1{fill:#db6d28;stroke:#db6d28}.c2{fill:#ab7df8;stroke:#ab7df8}.c3{fill:#3fb950;stroke:#3fb950}
.c4{fill:#db61a2;stroke:#db61a2}.line{fill:none}}`;

const COLOURS = 5;

/** One bar per group, from zero: of its first value. */
export function barChart(labels: Labels, groups: readonly Group[]): string {
  const scale = linear(highest(groups));
  const rows = groups.map(({ name, values: [value] }, row) => {
    const y = TOP + row * ROW;
    if (value === undefined) return "";
    const end = scale.at(median(value.rounds));
    return [
      rowName(name, y),
      `<rect class="c0" x="${LEFT}" y="${y + 7}" width="${pixels(end - LEFT)}" height="16"/>`,
      spread(value.rounds, scale, y + 15),
      text(Math.max(end, scale.at(Math.max(...value.rounds))) + 8, y + 19, short(median(value.rounds))),
    ].join("");
  });
  return horizontal(labels, groups.length, scale, rows, []);
}

/** A dot per value, on a logarithmic axis. */
export function dotChart(labels: Labels, groups: readonly Group[]): string {
  const all = groups.flatMap(({ values }) => values.flatMap(({ rounds }) => rounds));
  const scale = logarithmic(Math.min(...all), Math.max(...all), LEFT, WIDTH - RIGHT);
  const rows = groups.map(({ name, values }, row) => {
    const centre = TOP + row * ROW + 15;
    const dots = values.map(({ name: kind, rounds }, index) => {
      const middle = median(rounds);
      // Beside each other, so that spreads can be told apart.
      const y = centre + (index - (values.length - 1) / 2) * DOT_DISTANCE;
      const tip = `<title>${escape(`${name}, ${kind}: ${short(middle)}`)}</title>`;
      const dot = `<circle class="c${index}" cx="${pixels(scale.at(middle))}" cy="${y}" r="4">${tip}</circle>`;
      return spread(rounds, scale, y, `c${index} line`) + dot;
    });
    return rowName(name, centre - 15) + dots.join("");
  });
  return horizontal(labels, groups.length, scale, rows, kindsOf(groups));
}

/** Bars of parts that add up; the sum stands behind. The spread is that of the sum. */
export function stackedChart(labels: Labels, groups: readonly Group[]): string {
  const sums = groups.map(({ values }) =>
    (values[0]?.rounds ?? []).map((_, round) =>
      values.reduce((sum, { rounds }) => sum + (rounds[round] ?? 0), 0),
    ),
  );
  const scale = linear(Math.max(...sums.flat()));
  const rows = groups.map(({ name, values }, row) => {
    const y = TOP + row * ROW;
    let from = 0;
    const parts = values.map(({ name: kind, rounds }, index) => {
      const value = median(rounds);
      const [start, end] = [scale.at(from), scale.at(from + value)];
      from += value;
      const tip = `<title>${escape(`${name}, ${kind}: ${short(value)}`)}</title>`;
      return `<rect class="c${index}" x="${pixels(start)}" y="${y + 7}" width="${pixels(end - start)}" height="16">${tip}</rect>`;
    });
    const sum = sums[row] ?? [];
    const labelAt = Math.max(scale.at(from), scale.at(Math.max(...sum))) + 8;
    return (
      rowName(name, y) +
      parts.join("") +
      spread(sum, scale, y + 15) +
      text(labelAt, y + 19, short(median(sum)))
    );
  });
  return horizontal(labels, groups.length, scale, rows, kindsOf(groups));
}

/** Lines over a logarithmic x axis, from zero upwards. */
export function lineChart(labels: Labels & { readonly yAxis: string }, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(({ x }) => x))].toSorted((a, b) => a - b);
  const bottom = TOP + LINES_HEIGHT;
  const x = logarithmic(xs[0] ?? 1, xs.at(-1) ?? 1, LINES_LEFT + 20, WIDTH - LINES_RIGHT - 20);
  const top = niceTop(Math.max(...points.flatMap(({ rounds }) => rounds)));
  const y = (value: number) => bottom - (value / top.end) * LINES_HEIGHT;
  const grid = top.ticks.map(
    (tick) =>
      `<line class="grid" x1="${LINES_LEFT}" x2="${WIDTH - LINES_RIGHT}" y1="${pixels(y(tick))}" y2="${pixels(y(tick))}"/>` +
      text(LINES_LEFT - 8, y(tick) + 4, tickText(tick), "small", "end"),
  );
  const ticks = xs.map((at) => text(x.at(at), bottom + 20, tickText(at), "small", "middle"));
  const drawn = lines.map((line, index) => {
    const colour = `c${index % COLOURS}`;
    // Beside each other, so that spreads can be told apart.
    const aside = (index - (lines.length - 1) / 2) * LINE_DISTANCE;
    const path = line.points.map(
      (point) => `${pixels(x.at(point.x) + aside)},${pixels(y(median(point.rounds)))}`,
    );
    const marks = line.points.map(({ x: at, rounds }) => {
      const [cx, cy] = [pixels(x.at(at) + aside), pixels(y(median(rounds)))];
      const tip = `<title>${escape(`${line.name}, ${tickText(at)}: ${short(median(rounds))}`)}</title>`;
      const least = pixels(y(Math.min(...rounds)));
      const most = pixels(y(Math.max(...rounds)));
      return `<path class="${colour}" d="M${cx} ${least}V${most}"/><circle class="${colour}" cx="${cx}" cy="${cy}" r="4">${tip}</circle>`;
    });
    return `<polyline class="line ${colour}" style="fill:none" points="${path.join(" ")}"/>${marks.join("")}`;
  });
  const names = apart(lines.map((line) => y(median(line.points.at(-1)?.rounds ?? [0])))).map((at, index) => {
    const left = WIDTH - LINES_RIGHT + 12;
    return `<circle class="c${index % COLOURS}" cx="${left}" cy="${pixels(at)}" r="4"/>${text(left + 10, at + 4, lines[index]?.name ?? "")}`;
  });
  return page(bottom + BOTTOM, [
    text(20, 28, labels.title, "title"),
    text(20, 52, `${labels.yAxis}; points: median, thin lines: least to most`, "small"),
    ...grid,
    ...ticks,
    text((LINES_LEFT + WIDTH - LINES_RIGHT) / 2, bottom + 42, labels.xAxis, "small", "middle"),
    ...drawn,
    ...names,
  ]);
}

interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

function linear(most: number): Scale {
  const { end, ticks } = niceTop(most);
  return { ticks, at: (value) => LEFT + (value / end) * (WIDTH - LEFT - RIGHT) };
}

function niceTop(most: number): { readonly end: number; readonly ticks: readonly number[] } {
  const rough = (most > 0 ? most : 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.max(1, Math.ceil((most / step) * 0.999));
  return { end: count * step, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}

function logarithmic(least: number, most: number, left: number, right: number): Scale {
  const [from, to] = [
    Math.floor(Math.log10(least)),
    Math.max(Math.ceil(Math.log10(most)), Math.floor(Math.log10(least)) + 1),
  ];
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { ticks, at: (value) => left + ((Math.log10(value) - from) / (to - from)) * (right - left) };
}

function horizontal(
  { title, xAxis }: Labels,
  count: number,
  scale: Scale,
  rows: readonly string[],
  kinds: readonly string[],
): string {
  const bottom = TOP + count * ROW;
  const grid = scale.ticks.map((tick) => {
    const x = pixels(scale.at(tick));
    return `<line class="grid" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"/>${text(x, bottom + 18, tickText(tick), "small", "middle")}`;
  });
  const legend = kinds.map((kind, index) => {
    const x = LEFT + index * 150;
    return `<circle class="c${index}" cx="${x + 5}" cy="48" r="5"/>${text(x + 16, 52, kind, "small")}`;
  });
  return page(bottom + BOTTOM, [
    text(20, 28, title, "title"),
    ...legend,
    ...grid,
    text(
      (LEFT + WIDTH - RIGHT) / 2,
      bottom + 42,
      `${xAxis}; median, thin lines: least to most`,
      "small",
      "middle",
    ),
    ...rows,
  ]);
}

function kindsOf(groups: readonly Group[]): string[] {
  return groups[0]?.values.map(({ name }) => name) ?? [];
}

function highest(groups: readonly Group[]): number {
  return Math.max(...groups.flatMap(({ values }) => values.flatMap(({ rounds }) => rounds)));
}

function spread(rounds: readonly number[], scale: Scale, y: number, style = "spread"): string {
  const [from, to] = [pixels(scale.at(Math.min(...rounds))), pixels(scale.at(Math.max(...rounds)))];
  return `<path class="${style}" style="fill:none" d="M${from} ${y}H${to}M${from} ${y - 3}v6M${to} ${y - 3}v6"/>`;
}

function rowName(name: string, y: number): string {
  return text(LEFT - 10, y + 19, name, "", "end");
}

/** Labels that would lie on each other are moved down. */
function apart(heights: readonly number[]): number[] {
  const placed = [...heights];
  const order = heights.map((_, index) => index).toSorted((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  let free = -Infinity;
  for (const index of order) {
    placed[index] = Math.max(heights[index] ?? 0, free);
    free = (placed[index] ?? 0) + LABEL_DISTANCE;
  }
  return placed;
}

function text(x: number, y: number, content: string, style = "", anchor = "start"): string {
  const attributes = `${style === "" ? "" : ` class="${style}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${pixels(x)}" y="${pixels(y)}"${attributes}>${escape(content)}</text>`;
}

function page(height: number, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`;
  return `${[head, `<style>${STYLE}</style>`, `<rect class="back" width="${WIDTH}" height="${height}"/>`, ...parts, "</svg>"].join("\n")}\n`;
}

function pixels(value: number): number {
  return Math.round(value * 10) / 10;
}

function tickText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 10_000 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

function escape(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
