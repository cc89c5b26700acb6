// Logos over real TLS: what is fetched and kept, and what is left where it is.
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createGuardedLookup } from "../../../../src/mail/webhook/address-guard.ts";
import { MAX_LOGO_BYTES } from "../../../../src/web/verify/branding.ts";
import { Logos, type LogosOptions } from "../../../../src/web/verify/logos.ts";
import { makeCertificate } from "../../../support/certificate.ts";

const { certificate, key } = makeCertificate();
const PNG = Buffer.from("\x89PNG\r\n\x1a\nand so on", "latin1");

let server: Server;
let url: string;
let respond: RequestListener;
let requests = 0;
let connections = 0;
let logos: Logos | undefined;

beforeAll(async () => {
  server = createServer({ cert: certificate, key }, (request, response) => {
    requests += 1;
    respond(request, response);
  });
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}/logo`;
});
afterEach(() => logos?.close());
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Fetching {
  readonly logos: Logos;
  readonly problems: string[];
  nowMs: number;
}

/** With a guard that lets this machine through. */
function fetching(options: Partial<LogosOptions> = {}): Fetching {
  const problems: string[] = [];
  const clock = { nowMs: 0 };
  logos = new Logos({
    lookup: createGuardedLookup({ allowPrivate: true, loopbackOnly: true }),
    ca: certificate,
    nowMs: () => clock.nowMs,
    onFailure: (_url, problem) => problems.push(problem),
    ...options,
  });
  return Object.assign(clock, { logos, problems });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

test.each([
  ["image/png", PNG],
  ["image/jpeg", Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
  ["image/gif", Buffer.from("GIF89a...")],
  ["image/webp", Buffer.from("RIFF....WEBPVP8 ")],
  ["image/png", Buffer.concat([PNG, Buffer.alloc(MAX_LOGO_BYTES - PNG.length)])],
])("%s is here after the first visit, by what it begins with, fetched once", async (mediaType, bytes) => {
  requests = 0;
  respond = (_, response) => response.setHeader("content-type", "text/html").end(bytes);
  const { logos: fetched } = fetching();
  expect(fetched.find(url)).toBeUndefined();
  expect(fetched.find(url)).toBeUndefined();
  await until(() => fetched.find(url) !== undefined);
  expect(fetched.find(url)).toEqual({ mediaType, bytes });
  expect(requests).toBe(1);
});

test.each<[string, RequestListener, string]>([
  [
    "a drawing that may hold scripts",
    (_, response) => response.setHeader("content-type", "image/png").end("<svg xmlns='x'/>"),
    "neither PNG, JPEG, GIF nor WebP",
  ],
  [
    "one byte more than a page carries",
    (_, response) => response.end(Buffer.concat([PNG, Buffer.alloc(MAX_LOGO_BYTES - PNG.length + 1)])),
    "longer than 8192 bytes",
  ],
  ["a redirect", (_, response) => response.writeHead(302, { location: "/" }).end(PNG), "status 302"],
  ["an error", (_, response) => response.writeHead(500).end(PNG), "status 500"],
  ["a connection that breaks", (request) => request.socket.destroy(), "ECONNRESET"],
])("%s is none, and is asked for again minutes later", async (_row, listener, problem) => {
  respond = listener;
  requests = 0;
  const run = fetching();
  run.logos.find(url);
  await until(() => run.problems.length > 0);
  expect(run.problems).toEqual([problem]);
  expect(run.logos.find(url)).toBeUndefined();
  run.nowMs += 4 * 60_000;
  run.logos.find(url);
  expect(requests).toBe(1);
  respond = (_, response) => response.end(PNG);
  run.nowMs += 60_000;
  run.logos.find(url);
  await until(() => run.logos.find(url) !== undefined);
});

test("a logo stays while its server is away", async () => {
  respond = (_, response) => response.end(PNG);
  const run = fetching();
  run.logos.find(url);
  await until(() => run.logos.find(url) !== undefined);
  respond = (_, response) => response.writeHead(503).end();
  run.nowMs += 60 * 60_000;
  expect(run.logos.find(url)).toBeDefined();
  await until(() => run.problems.length > 0);
  expect(run.logos.find(url)).toBeDefined();
});

test("nothing knocks at this machine, its network, bare addresses, or without TLS", async () => {
  connections = 0;
  const guarded = fetching({ lookup: createGuardedLookup({ allowPrivate: false, loopbackOnly: false }) });
  const { port } = new URL(url);
  const urls = [url, `https://127.0.0.1:${port}/`, `https://[::1]:${port}/`, `http://localhost:${port}/`];
  for (const each of urls) guarded.logos.find(each);
  await until(() => guarded.problems.length === urls.length);
  expect(guarded.problems.toSorted()).toEqual([
    "ERR_ADDRESS_REFUSED",
    ...Array.from({ length: 3 }, () => "only https:// and a name are fetched"),
  ]);
  expect(connections).toBe(0);
});

test("a certificate that nobody vouches for is none", async () => {
  const run = fetching({ ca: makeCertificate({ commonName: "another" }).certificate });
  run.logos.find(url);
  await until(() => run.problems.length > 0);
  expect(run.problems[0]).toMatch(/CERT|SIGNATURE/);
});
