/** What must hold, as data: ratios of one run, and one duration that no machine may undercut. */
import { figures, type Results } from "./results.ts";
import { ratios } from "./statistics.ts";

export interface Demand {
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** What is wished for beyond the demand. */
  readonly aim?: number;
  /** Round by round; undefined when it was not measured. */
  readonly values: (results: Results) => readonly number[] | undefined;
  /**
   * The same ratio, of calls per second of the server's CPU: what calls per second come to on a core that nobody else
   * uses, where it is the core that limits. Of a start, the CPU itself.
   */
  readonly byCpu?: (results: Results) => readonly number[] | undefined;
}

type Read = (results: Results) => readonly number[] | undefined;

function ratio(of: Read, to: Read): Read {
  return (results) => {
    const [values, yardstick] = [of(results), to(results)];
    return values && yardstick && ratios(values, yardstick);
  };
}

/** Calls per second of one row to those of another, by the clock and by CPU. */
function callsRatio(table: string, row: string, yardstick: string): Pick<Demand, "values" | "byCpu"> {
  const read = (name: string, figure: "callsPerSecond" | "cpuPerCall"): Read => {
    return (results) => figures(results, table, name, figure);
  };
  return {
    values: ratio(read(row, "callsPerSecond"), read(yardstick, "callsPerSecond")),
    byCpu: ratio(read(yardstick, "cpuPerCall"), read(row, "cpuPerCall")),
  };
}

const p99 =
  (table: string, row: string): Read =>
  (results) =>
    figures(results, table, row, "p99Ms");

const SEND = "SendEmailCode, gRPC";

export const DEMANDS: readonly Demand[] = [
  {
    figure: "gRPC SendEmailCode / bare node http2, fixed frame",
    atLeast: 0.22,
    aim: 0.35,
    ...callsRatio("calls", SEND, "bare node http2, fixed frame"),
  },
  {
    figure: "gRPC SendEmailCode / bare connect-node echo",
    atLeast: 3.2,
    aim: 5,
    ...callsRatio("calls", SEND, "bare connect-node echo"),
  },
  {
    figure: "gRPC SendEmailCode / plain grpc-js + better-sqlite3",
    atLeast: 3.5,
    ...callsRatio("calls", SEND, "grpc-js + better-sqlite3"),
  },
  {
    figure: "REST SendEmailCode / plain Fastify + better-sqlite3",
    atLeast: 3.5,
    ...callsRatio("calls", "SendEmailCode, REST", "Fastify + better-sqlite3"),
  },
  {
    figure: "gRPC SendEmailCode / better-auth's e-mail OTP, WAL + FULL",
    atLeast: 20,
    ...callsRatio("calls", SEND, "better-auth, e-mail OTP"),
  },
  {
    figure: "gRPC VerifyEmail / SendEmailCode",
    atLeast: 0.9,
    ...callsRatio("calls", "VerifyEmail, gRPC", SEND),
  },
  {
    figure: "grouped / one transaction per call, +2 ms per sync",
    atLeast: 20,
    // The disk limits, so that ratios by CPU say nothing.
    values: callsRatio("slow-disk", "grouped, +2 ms", "one transaction per call, +2 ms").values,
  },
  {
    figure: "p99 at 64 / bare connect-node echo's p99",
    atMost: 0.5,
    aim: 0.3,
    values: ratio(p99("calls", "SendEmailCode, gRPC"), p99("calls", "bare connect-node echo")),
  },
  {
    figure: "minimum latency with +20 ms per sync, ms",
    atLeast: 20,
    // The least of all rounds, not their middle.
    values: (results) => {
      const minima = figures(results, "slow-disk", "grouped, +20 ms", "minMs");
      return minima && [Math.min(...minima)];
    },
  },
  {
    figure: "SendEmailCode with 1e6 users / 1e3",
    atLeast: 0.85,
    ...callsRatio("users", "SendEmailCode, 1e6 users", "SendEmailCode, 1e3 users"),
  },
  {
    figure: "SendEmailCode with 5e6 users / 1e3",
    atLeast: 0.75,
    ...callsRatio("users-5e6", "SendEmailCode, 5e6 users", "SendEmailCode, 1e3 users"),
  },
  {
    figure: "start-up / bare node that listens",
    atMost: 4,
    values: ratio(
      ({ startUp }) => startUp?.service.map(({ startMs }) => startMs),
      ({ startUp }) => startUp?.bareNode.map(({ startMs }) => startMs),
    ),
    byCpu: ratio(
      ({ startUp }) => startUp?.service.map(({ startCpuMs }) => startCpuMs),
      ({ startUp }) => startUp?.bareNode.map(({ startCpuMs }) => startCpuMs),
    ),
  },
  {
    figure: "idle RSS / bare node",
    atMost: 2.2,
    values: ratio(
      ({ startUp }) => startUp?.service.map(({ idleMegabytes }) => idleMegabytes),
      ({ startUp }) => startUp?.bareNode.map(({ idleMegabytes }) => idleMegabytes),
    ),
  },
  {
    figure: "RSS after 200,000 calls / after 20,000",
    atMost: 1.2,
    values: ({ memory }) => {
      const at = (calls: number) => memory?.find((sample) => sample.calls === calls)?.residentMegabytes;
      const [early, late] = [at(20_000), at(200_000)];
      return early === undefined || late === undefined ? undefined : [late / early];
    },
  },
  {
    figure: "mails per second / nodemailer's pool as it comes",
    atLeast: 1.7,
    values: ratio(
      ({ mails }) => mails?.service,
      ({ mails }) => mails?.nodemailer,
    ),
  },
];

/** @param slack by how much a figure may miss; 1 is the demand itself, 2 lets it be half as good */
export function isMet({ atLeast, atMost }: Demand, value: number, slack = 1): boolean {
  if (atLeast !== undefined) return value >= atLeast / slack;
  return value <= (atMost ?? Infinity) * slack;
}

export function demandText({ atLeast, atMost, aim }: Demand): string {
  const sign = atLeast === undefined ? "<=" : ">=";
  return `${sign} ${atLeast ?? atMost}${aim === undefined ? "" : `, aim ${aim}`}`;
}
