/** Which kill comes when. */
import type { Random } from "../../support/random.ts";
import { KILL_POINTS, killPoint, STOPPED, type KillPoint } from "./kill-points.ts";

/** Kills on end while the mails of a dead process are taken over. */
const TAKEOVERS_ON_END = 4;

/**
 * Every point in turn, in an order that the seed shuffles. A takeover is disturbed right after a kill that left mails
 * behind, and several times on end.
 *
 * @param kills at least so many
 * @param stops lives that are stopped past the lease, beside the kills
 */
export function schedule(random: Random, kills: number, stops: number): KillPoint[] {
  const takeover = killPoint("during takeover");
  const burst = [killPoint("after connect"), ...Array<KillPoint>(TAKEOVERS_ON_END).fill(takeover)];
  const others = KILL_POINTS.filter((point) => point !== takeover);
  const groups: KillPoint[][] = [];
  for (let planned = 0; planned < kills;) {
    const round = [burst, ...others.map((point) => [point])];
    groups.push(...shuffled(random, round));
    planned += round.flat().length;
  }
  for (let stop = 0; stop < stops; stop++) groups.splice(random.below(groups.length + 1), 0, [STOPPED]);
  return groups.flat();
}

function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as Item);
}
