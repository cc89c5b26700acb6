/** Whether the service answers, and what it says of itself. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { ok, problem, warning, type Check } from "./check.ts";

const MAX_ANSWER_CHARACTERS = 4_096;

interface Readiness {
  readonly status?: unknown;
  readonly checks?: unknown;
}

/** @param url origin of the service */
export async function checkService(url: string, timeoutMs: number): Promise<Check> {
  let answer: string;
  try {
    answer = await get(`${url}/readyz`, timeoutMs);
  } catch {
    return warning(
      "service",
      `nothing answers at ${url}`,
      "start it, if it is to run; or see COUNTERSIGN_LISTEN",
    );
  }
  const { status, checks } = parse(answer);
  if (status === "ready") return ok("service", `${url} is ready`);
  if (typeof status !== "string") {
    const advice = "see whether COUNTERSIGN_LISTEN or COUNTERSIGN_URL names the service's address";
    return warning("service", `something else than Countersign answers at ${url}`, advice);
  }
  const failing = Object.entries((checks ?? {}) as Record<string, unknown>)
    .filter(([, state]) => state !== "ok")
    .map(([name]) => name);
  const what = failing.length === 0 ? "" : ` (${failing.join(", ")})`;
  return problem("service", `${url} is ${status}${what}`, "its log says why");
}

function parse(text: string): Readiness {
  try {
    return JSON.parse(text) as Readiness;
  } catch {
    return {};
  }
}

/** Nothing is sent that could be spied on, and by this machine's address no certificate is for its host. */
function get(url: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signal = AbortSignal.timeout(timeoutMs);
  const options = { signal, agent: false };
  const request = url.startsWith("https:")
    ? requestHttps(url, { ...options, rejectUnauthorized: false })
    : requestHttp(url, options);
  request
    .once("error", reject)
    .once("response", (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (part: string) => (text = (text + part).slice(0, MAX_ANSWER_CHARACTERS)))
        .once("error", reject)
        .once("end", () => resolve(text));
    })
    .end();
  return promise;
}
