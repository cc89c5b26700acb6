/** The benchmark's pictures are well-formed and show the values that they were given. */
import { expect, test } from "@jest/globals";
import { barChart, dotChart, lineChart, stackedChart, type Group } from "../../bench/plots/chart.ts";

const LABELS = { title: "Title & <unit>", xAxis: "ms" };
/** Medians 12.5, 40 and 4. */
const GROUPS: readonly Group[] = [
  { name: 'a "quoted" <name>', values: [{ name: "p50", rounds: [11, 12.5, 20] }] },
  { name: "half & half", values: [{ name: "p50", rounds: [39, 40, 41] }] },
  { name: "little", values: [{ name: "p50", rounds: [3, 4, 5] }] },
];
const TWO_PARTS: readonly Group[] = [
  {
    name: "row",
    values: [
      { name: "main", rounds: [30, 30, 30] },
      { name: "workers", rounds: [10, 10, 10] },
    ],
  },
];
const LINES = [
  { name: "a & b", points: [1, 64].map((x) => ({ x, rounds: [x * 10, x * 20, x * 30] })) },
  { name: "steady", points: [1, 64].map((x) => ({ x, rounds: [100, 100, 100] })) },
];

const CHARTS = {
  bars: barChart(LABELS, GROUPS),
  dots: dotChart(LABELS, GROUPS),
  stacked: stackedChart(LABELS, GROUPS),
  lines: lineChart({ ...LABELS, yAxis: "calls per second" }, LINES),
};

/** Ends with the text that is not part of any element, attribute or reference: nothing, of what is well-formed. */
function remainderOf(xml: string): string {
  const open: string[] = [];
  const rest = xml.replaceAll(
    /<(\/?)([a-z][\w]*)((?: [a-zA-Z][\w-]*="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)(\/?)>/g,
    (_, closing: string, name: string, _attributes, empty: string) => {
      if (closing !== "" && open.pop() !== name) return `unbalanced </${name}>`;
      if (closing === "" && empty === "") open.push(name);
      return "";
    },
  );
  return (rest.match(/unbalanced.*|[<&](?!(?:amp|lt|gt|quot);)/g) ?? []).join() + open.join();
}

function numbers(svg: string, pattern: RegExp): number[] {
  return [...svg.matchAll(pattern)].map((match) => Number(match[1]));
}

test("what checks for well-formed text sees what is not", () => {
  for (const broken of ["<a><b></a></b>", "<a>", "<a>1 & 2</a>", "<a>1 < 2</a>", '<a b="<"/>', "<a b=1/>"])
    expect(remainderOf(broken)).not.toBe("");
});

test.each(Object.entries(CHARTS))("%s: well-formed, titled, without a value that is none", (_, svg) => {
  expect(remainderOf(svg)).toBe("");
  expect(svg).toContain("Title &amp; &lt;unit&gt;");
  expect(svg).toContain("prefers-color-scheme:dark");
  expect(svg).toMatch(/>ms\b/);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test("bars are as long as their medians, which stand beside them", () => {
  const widths = numbers(CHARTS.bars, /class="c0"[^>]* width="([\d.]+)"/g);
  expect(widths).toHaveLength(3);
  expect((widths[1] ?? 0) / (widths[0] ?? 0)).toBeCloseTo(40 / 12.5, 1);
  expect((widths[1] ?? 0) / (widths[2] ?? 0)).toBeCloseTo(10, 1);
  for (const shown of [">12.5<", ">40.0<", ">4.00<"]) expect(CHARTS.bars).toContain(shown);
});

test("a bar's thin line spans the least and the most of its rounds", () => {
  const [from = 0, to = 0] =
    /class="spread"[^>]* d="M([\d.]+) [\d.]+H([\d.]+)/.exec(CHARTS.bars)?.slice(1).map(Number) ?? [];
  const [width = 0] = numbers(CHARTS.bars, /class="c0"[^>]* width="([\d.]+)"/g);
  expect((to - from) / width).toBeCloseTo((20 - 11) / 12.5, 1);
});

test("dots lie where the logarithm of their medians is", () => {
  const at = numbers(CHARTS.dots, /cx="([\d.]+)"[^>]*><title>/g);
  const [first = 0, second = 0, third = 0] = at;
  expect((second - first) / (second - third)).toBeCloseTo(Math.log10(40 / 12.5) / Math.log10(40 / 4), 1);
});

test("parts of a stack follow each other, and the sum stands beside them", () => {
  const svg = stackedChart(LABELS, TWO_PARTS);
  const [first, second] = [...svg.matchAll(/class="c\d" x="([\d.]+)"[^>]* width="([\d.]+)"/g)].map(
    (match) => ({
      x: Number(match[1]),
      width: Number(match[2]),
    }),
  );
  expect(second?.x).toBeCloseTo((first?.x ?? 0) + (first?.width ?? 0), 0);
  expect((first?.width ?? 0) / (second?.width ?? 1)).toBeCloseTo(3, 1);
  expect(svg).toContain(">40.0<");
});

test("lines tell each point's median, and higher is more", () => {
  expect(CHARTS.lines).toContain("a &amp; b, 64: 1280");
  expect(CHARTS.lines).toContain("steady, 1: 100");
  const heights = numbers(CHARTS.lines, /cy="([\d.]+)"[^>]*><title>/g);
  const [low = 0, high = 0, steady = 0, later = 0] = heights;
  expect(high).toBeLessThan(low);
  expect(steady).toBe(later);
});
