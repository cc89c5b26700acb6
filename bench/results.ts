/** What a run has measured. Parts that were not asked for, or cannot be had here, are absent. */
import type { ClientSample } from "./client-check.ts";
import type { CostSample } from "./cost.ts";
import type { Machine } from "./machine.ts";
import type { DrainResult } from "./mail-drain.ts";
import type { MemorySample } from "./memory.ts";
import type { PostgresResult } from "./on-postgres.ts";
import type { RoundOptions, RowResult, Sample } from "./rounds.ts";
import type { StartResult } from "./start-up.ts";

export interface Results {
  readonly machine: Machine;
  readonly options: RoundOptions;
  readonly tables: Readonly<Record<string, readonly RowResult[]>>;
  readonly client?: readonly ClientSample[] | undefined;
  readonly startUp?: StartResult | undefined;
  readonly memory?: readonly MemorySample[] | undefined;
  readonly cost?: readonly CostSample[] | undefined;
  readonly postgres?: PostgresResult | undefined;
  readonly mails?: DrainResult | undefined;
}

type Figure = { [Name in keyof Sample]: Sample[Name] extends number ? Name : never }[keyof Sample];

/** One figure of one row, round by round; undefined when it was not measured. */
export function figures(
  results: Results,
  table: string,
  row: string,
  figure: Figure,
): readonly number[] | undefined {
  const found = results.tables[table]?.find((result) => result.row.name === row);
  return found?.samples.map((sample) => sample[figure]);
}
