/**
 * How fast mails leave: the service's outbox into a relay that takes everything, against nodemailer's pool as it comes.
 * Nothing else goes on; both are timed from the relay's first mail to its last.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.ts";
import { startService, type Surroundings } from "./running-server.ts";
import { progress } from "./progress.ts";
import { SERVERS } from "./server-specs.ts";

const MAILS = 5_000;
const POLL_MS = 5;

export interface DrainResult {
  /** Mails per second, by round. */
  readonly service: readonly number[];
  readonly nodemailer: readonly number[];
}

export async function measureDrain(rounds: number, sink: Child, around: Surroundings): Promise<DrainResult> {
  const service: number[] = [];
  const nodemailer: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    progress(`mails: round ${round + 1} of ${rounds + 1}`);
    const rates = [await drainOutbox(round), await runNodemailer()] as const;
    if (round === 0) continue;
    service.push(rates[0]);
    nodemailer.push(rates[1]);
  }
  progress("");
  return { service, nodemailer };

  async function drainOutbox(round: number): Promise<number> {
    const folder = join(around.folder, `drain-${round}`);
    mkdirSync(folder);
    const taken = arrivalRate(sink);
    const spec = { ...SERVERS["countersign, SMTP"], users: MAILS };
    const server = await startService(spec, folder, around, MAILS);
    const rate = await taken;
    await server.stop();
    return rate;
  }

  async function runNodemailer(): Promise<number> {
    const taken = arrivalRate(sink);
    const parameters = [String(around.smtpPort), String(MAILS)];
    const pool = new Child({ place: "server", file: "nodemailer-pool.ts", parameters });
    await pool.next();
    return taken;
  }
}

async function arrivalRate(sink: Child): Promise<number> {
  const count = async () => (await sink.ask<{ mails: number }>({})).mails;
  const before = await count();
  let first: { readonly mails: number; readonly atMs: number } | undefined;
  for (;;) {
    await sleep(POLL_MS);
    const mails = (await count()) - before;
    if (mails > 0) first ??= { mails, atMs: performance.now() };
    if (mails >= MAILS && first !== undefined)
      return ((MAILS - first.mails) / (performance.now() - first.atMs)) * 1_000;
  }
}
