/** The result of a run as a table, one row for each kill point. */
import type { KillPoint } from "./kill-points.ts";
import type { FindingKind, Judgement, Life, MailEvidence } from "./mail-checker.ts";

export interface PointFigures {
  readonly point: string;
  readonly kills: number;
  /** Lives that were stopped past the lease instead. */
  readonly stops: number;
  /** Mails that were waiting or on their way then. */
  readonly mails: number;
  readonly lost: number;
  readonly stale: number;
  /** Allowed and not. */
  readonly duplicates: number;
  /** From the start of the next process to MAIL FROM of the first mail that the dead one was sending. Undefined without one. */
  readonly takeoverMedianMs: number | undefined;
}

export function figures(
  { lives, handOvers }: MailEvidence,
  { findings, duplicates }: Judgement,
  points: readonly KillPoint[],
): PointFigures[] {
  const takeovers = lives.map((life, index) => takeoverMs(life, lives[index + 1], index + 1, handOvers));
  return points.map(({ name }) => {
    const indices = lives.flatMap((life, index) => (life.point.name === name ? [index] : []));
    const count = (kind: FindingKind) =>
      findings.filter((finding) => finding.kind === kind && indices.includes(finding.life)).length;
    return {
      point: name,
      kills: indices.filter((index) => lives[index]?.isKilled).length,
      stops: indices.filter((index) => lives[index]?.stopped !== undefined).length,
      mails: sum(indices.map((index) => lives[index]?.stopped?.mails ?? lives[index]?.pending.size ?? 0)),
      lost: count("lost"),
      stale: count("stale"),
      duplicates: count("duplicate") + duplicates.filter(({ life }) => indices.includes(life)).length,
      takeoverMedianMs: median(indices.flatMap((index) => takeovers[index] ?? [])),
    };
  });
}

function takeoverMs(
  dead: Life,
  next: Life | undefined,
  nextIndex: number,
  handOvers: MailEvidence["handOvers"],
): number | undefined {
  if (next === undefined) return undefined;
  const taken = handOvers.filter(
    ({ life, deliveryId }) => life === nextIndex && dead.pending.get(deliveryId ?? "") === "sending",
  );
  const firstMs = Math.min(...taken.map(({ started }) => started.ms));
  return Number.isFinite(firstMs) ? firstMs - next.startedMs : undefined;
}

/** Markdown. */
export function tableOf(rows: readonly PointFigures[]): string {
  const numbers = (row: PointFigures) => [row.kills, row.mails, row.lost, row.stale, row.duplicates];
  const cells = rows.map((row) => [
    row.stops > 0 ? `${row.point}, ${row.stops} times` : row.point,
    ...numbers(row).map(String),
    row.takeoverMedianMs === undefined ? "-" : `${(row.takeoverMedianMs / 1_000).toFixed(1)} s`,
  ]);
  const columns = [0, 1, 2, 3, 4].map((column) => sum(rows.map((row) => numbers(row)[column] ?? 0)));
  const total = ["all", ...columns.map(String), ""];
  const head = [
    "Kill point",
    "Kills",
    "Mails waiting or on their way",
    "Lost",
    "Stale",
    "Duplicates",
    "Takeover, median",
  ];
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  return [line(head), `| --- ${"| ---: ".repeat(6)}|`, ...[...cells, total].map(line)].join("\n");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
}
