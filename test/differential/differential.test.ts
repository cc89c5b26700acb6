// The direct path against connect-node: the same requests in the same order, the same clock, the same randomness. What
// the two answer has to agree, but for the intended differences. DIFFERENTIAL_SEED and DIFFERENTIAL_CASES change the
// corpus; DIFFERENTIAL_REPORT names a file for all that was found.
import { expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { writeFile } from "node:fs/promises";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { Random } from "../support/random.ts";
import { exchangeHttp1, Http2Connection, type RawRequest } from "../support/raw-http.ts";
import { differences, observeBoth, type Answers, type Outcome } from "./compare.ts";
import { buildCase, plans, type Case } from "./corpus.ts";
import { intendedDifferences } from "./intended-differences.ts";
import { World } from "./world.ts";

const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 20_260_301);
const CASES_BY_CHANCE = Number(process.env["DIFFERENTIAL_CASES"] ?? 1_000);
/** It takes half a minute on two idle cores. */
const TIMEOUT_MS = 120_000;
const START_MS = Date.UTC(2026, 2, 1, 12);
/** So slow that codes do not expire half-way through, so fast that dates differ from case to case. */
const MS_PER_CASE = 137;
/** Node's client forgets to free what a cancelled request had not sent, and takes no more than 10 MB of that. */
const REQUESTS_PER_CONNECTION = 50;
const SHOWN_FAILURES = 20;

let nowMs = START_MS;

/** One application, with connections to it. */
class Side {
  readonly application: TestApplication;
  #http2: Http2Connection;
  #requests = 0;

  private constructor(application: TestApplication, http2: Http2Connection) {
    this.application = application;
    this.#http2 = http2;
  }

  static async start(directUnary: "on" | "off"): Promise<Side> {
    const application = await startTestApplication({
      env: {
        COUNTERSIGN_DIRECT_UNARY: directUnary,
        // Nobody listens there: a mail that were sent would be an event among the user's, at a time of its own.
        COUNTERSIGN_SMTP_URL: "smtp://127.0.0.1:1",
        COUNTERSIGN_PUBLIC_URL: "https://countersign.example.com",
        // Few enough to be met: such refusals say when to call again in headers and trailers.
        COUNTERSIGN_USER_SENDS_PER_HOUR: "5",
      },
      sources: { nowMs: () => nowMs, randomBytes: repeatableBytes() },
    });
    return new Side(application, await Http2Connection.open(application));
  }

  async send(httpVersion: 1 | 2, request: RawRequest): Promise<Outcome> {
    try {
      if (httpVersion === 1) return await exchangeHttp1(this.application, request);
      if (++this.#requests % REQUESTS_PER_CONNECTION === 0) await this.#reconnect();
      return await this.#http2.exchange(request);
    } catch (error) {
      return { noAnswer: String(error) };
    }
  }

  async #reconnect(): Promise<void> {
    await this.#http2.close();
    this.#http2 = await Http2Connection.open(this.application);
  }

  async stop(): Promise<void> {
    await this.#http2.close();
    await this.application.stop();
  }
}

/** Begins anew with each case and for each length: codes do not depend on what else was drawn, then or before. */
function repeatableBytes(): (count: number) => Uint8Array {
  const sequences = new Map<number, Random>();
  let sequencesOfMs = 0;
  return (count) => {
    if (sequencesOfMs !== nowMs) sequences.clear();
    sequencesOfMs = nowMs;
    const random = sequences.get(count) ?? new Random(SEED + nowMs + count);
    sequences.set(count, random);
    return random.bytes(count);
  };
}

class Report {
  readonly intended = new Map(intendedDifferences.map(({ name }) => [name, 0]));
  readonly failures: string[] = [];
  readonly codes = new Map<string, number>();
  cases = 0;

  add(of: Case, answers: Answers): void {
    this.cases += 1;
    const code = String(answers.direct.get("code") ?? answers.direct.get("status"));
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    for (const difference of differences(answers)) {
      const causes = intendedDifferences.filter(({ explains }) => explains(difference, answers, of));
      for (const { name } of causes) this.intended.set(name, (this.intended.get(name) ?? 0) + 1);
      if (causes.length > 0) continue;
      const [direct, connect] = [difference.direct, difference.connect].map((value) => JSON.stringify(value));
      this.failures.push(`${of.name}\n  ${difference.fact}: ${direct}, but connect-node: ${connect}`);
    }
  }
}

test(
  "the direct path answers as connect-node does",
  async () => {
    const random = new Random(SEED);
    const report = new Report();
    const [direct, connect] = await Promise.all([Side.start("on"), Side.start("off")]);
    try {
      const { token, organizationId } = direct.application;
      expect([token, organizationId]).toEqual([
        connect.application.token,
        connect.application.organizationId,
      ]);
      const world = new World(random, organizationId);
      for (const plan of plans(random, CASES_BY_CHANCE)) {
        nowMs += MS_PER_CASE;
        const of = buildCase(plan, { number: report.cases, random, world, token });
        const answers = observeBoth(
          of,
          ...(await Promise.all([
            direct.send(of.kind.httpVersion, of.request),
            connect.send(of.kind.httpVersion, of.reference),
          ])),
        );
        report.add(of, answers);
        const message = answers.direct.get("message");
        if (message !== undefined) world.learn(of.method, of.message, message as JsonObject);
      }
      expect(direct.application.takeErrors()).toEqual([]);
      expect(connect.application.takeErrors()).toEqual([]);
    } finally {
      await Promise.all([direct.stop(), connect.stop()]);
    }
    await show(report);
    expect(report.failures.slice(0, SHOWN_FAILURES)).toEqual([]);
    expect(report.cases).toBeGreaterThanOrEqual(2_000);
    const neverSeen = [...report.intended].filter(([, count]) => count === 0).map(([name]) => name);
    expect({ "intended differences that no case shows any more": neverSeen }).toEqual({
      "intended differences that no case shows any more": [],
    });
  },
  TIMEOUT_MS,
);

async function show({ cases, codes, intended, failures }: Report): Promise<void> {
  const lines = [
    `seed ${SEED}: ${cases} cases, ${failures.length} differences that are not intended`,
    `answers: ${[...codes].map(([code, count]) => `${code}: ${count}`).join(", ")}`,
    ...[...intended].map(([name, count]) => `intended, ${count} times: ${name}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  const reportPath = process.env["DIFFERENTIAL_REPORT"];
  if (reportPath !== undefined) await writeFile(reportPath, JSON.stringify(failures, undefined, 2));
}
