// `countersign doctor` as operators and their monitoring run it.
import { afterEach, expect, jest, test } from "@jest/globals";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { temporaryFolders } from "../contract/temporary.ts";
import { startTestApplication } from "../support/application.ts";
import { makeCertificate } from "../support/certificate.ts";
import { runCommand } from "../support/command.ts";
import { startDnsServer } from "../support/dns-server.ts";
import { ServerProcess } from "../support/spawned-server.ts";

jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly level: string;
    readonly found: string;
    readonly advice?: string;
  }[];
}

function levels({ checks }: Report): Record<string, string> {
  return Object.fromEntries(checks.map(({ name, level }) => [name, level]));
}

test("of a service that runs with all that it needs: everything is ok, and the exit code 0", async () => {
  const { certificate: cert, key } = makeCertificate();
  const folder = folderOf();
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, cert);
  const relay = new SMTPServer({ cert, key, disableReverseLookup: true, closeTimeout: 100 });
  relay.listen(0, "127.0.0.1");
  await once(relay.server, "listening");
  stops.push(() => new Promise<void>((resolve) => relay.close(() => resolve())));
  const { port: relayPort } = relay.server.address() as AddressInfo;
  const dns = await startDnsServer({
    "acme.org": ["v=spf1 mx -all"],
    "_dmarc.acme.org": ["v=DMARC1; p=reject"],
    "mail._domainkey.acme.org": ["v=DKIM1; p=MIGf"],
  });
  stops.push(() => dns.stop());
  const env = {
    COUNTERSIGN_DATA_DIR: join(folder, "data"),
    COUNTERSIGN_SMTP_URL: `smtp://countess:sesame@localhost:${relayPort}`,
    COUNTERSIGN_MAIL_FROM: "Acme <no-reply@acme.org>",
    NODE_EXTRA_CA_CERTS: ca,
  };
  const server = new ServerProcess({ dataDir: env.COUNTERSIGN_DATA_DIR, env });
  stops.push(() => server.end("SIGKILL"));
  const url = await server.ready();

  const args = ["doctor", "--dns-server", dns.address, "--dkim-selector", "mail"];
  const { code, stdout, stderr } = await runCommand(args, { env: { ...env, COUNTERSIGN_URL: url } });
  const report = JSON.parse(stdout) as Report;
  expect(levels(report)).toEqual({
    settings: "ok",
    service: "ok",
    database: "ok",
    outbox: "ok",
    clock: "ok",
    disk: expect.any(String),
    key: "ok",
    tls: "ok",
    relay: "ok",
    spf: "ok",
    dkim: "ok",
    dmarc: "ok",
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(report.ok).toBe(true);
  expect(stdout).not.toMatch(/countess|sesame|no-reply/);

  const people = await runCommand([...args, "--no-json"], { env: { ...env, COUNTERSIGN_URL: url } });
  const lines = people.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(report.checks.length);
  for (const line of lines) expect(line).toMatch(/^(?:ok {5}|warning|problem) {2}\w+ +\S/);
  expect(lines).toContainEqual(`ok       service   ${url} is ready`);
});

test("before the first start nothing is a problem, and nothing is made", async () => {
  const dataDir = join(folderOf(), "data");
  const { code, stdout } = await runCommand(["doctor", "--listen", "127.0.0.1:9"], {
    env: { COUNTERSIGN_DATA_DIR: dataDir },
  });
  const report = JSON.parse(stdout) as Report;
  expect(code).toBe(0);
  expect(levels(report)).toMatchObject({
    service: "warning",
    database: "warning",
    key: "ok",
    disk: "warning",
  });
  for (const { level, advice } of report.checks) expect(advice === undefined).toBe(level === "ok");
});

test("problems have a line each, and the exit code 1", async () => {
  const env = { COUNTERSIGN_DATA_DIR: folderOf(), COUNTERSIGN_LISTEN: "127.0.0.1:0" };
  const broken = await runCommand(["doctor"], {
    env: { ...env, COUNTERSIGN_CODE_LENGTH: "x", COUNTERSIGN_SMTP_ULR: "smtp://relay" },
  });
  expect(broken.code).toBe(1);
  expect((JSON.parse(broken.stdout) as Report).checks).toMatchObject([
    { name: "settings", level: "problem", found: expect.stringContaining("COUNTERSIGN_CODE_LENGTH") },
    {
      name: "settings",
      level: "problem",
      found: expect.stringContaining("did you mean COUNTERSIGN_SMTP_URL"),
    },
  ]);

  const noWay = await runCommand(["doctor"], {
    env: { ...env, COUNTERSIGN_DEV_INBOX: "off", COUNTERSIGN_FOO: "1" },
  });
  expect(noWay.code).toBe(1);
  expect((JSON.parse(noWay.stdout) as Report).checks).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: "problem", found: expect.stringContaining("mail has nowhere to go") }),
      expect.objectContaining({ level: "warning", found: expect.stringContaining("COUNTERSIGN_FOO") }),
      expect.objectContaining({ name: "service", level: "ok" }),
    ]),
  );
  expect((await runCommand(["doctor", "--dkim-selector", "a b"], { env })).code).toBe(2);
});

test("a service that takes no writes, and a stranger at its address", async () => {
  const unhealthy = createServer((_, response) => {
    const checks = { database: "ok", writer: "failing", key: "ok" };
    response.writeHead(503).end(JSON.stringify({ status: "unhealthy", checks }));
  });
  const stranger = createServer((_, response) => void response.writeHead(404).end("<html>"));
  const found: unknown[] = [];
  for (const server of [unhealthy, stranger]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stops.push(() => new Promise((resolve) => server.close(resolve)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = { COUNTERSIGN_DATA_DIR: folderOf(), COUNTERSIGN_URL: url };
    const { code, stdout } = await runCommand(["doctor"], { env });
    const service = (JSON.parse(stdout) as Report).checks.find(({ name }) => name === "service");
    found.push([code, service?.level, service?.found.replace(url, "it")]);
  }
  expect(found).toEqual([
    [1, "problem", "it is unhealthy (writer)"],
    [0, "warning", "something else than Countersign answers at it"],
  ]);
});

test("over TLS with a certificate for another name it is still the service", async () => {
  const { certificate, key } = makeCertificate({ commonName: "verify.acme.org" });
  const folder = folderOf();
  const env = {
    COUNTERSIGN_TLS_CERT: join(folder, "cert.pem"),
    COUNTERSIGN_TLS_KEY: join(folder, "key.pem"),
  };
  writeFileSync(env.COUNTERSIGN_TLS_CERT, certificate);
  writeFileSync(env.COUNTERSIGN_TLS_KEY, key);
  const application = await startTestApplication({ env });
  stops.push(() => application.stop());
  const { stdout } = await runCommand(["doctor"], {
    env: {
      ...env,
      COUNTERSIGN_DATA_DIR: application.dataDir,
      COUNTERSIGN_LISTEN: `127.0.0.1:${application.port}`,
    },
  });
  expect(levels(JSON.parse(stdout) as Report)).toMatchObject({ service: "ok", tls: "ok", database: "ok" });
});
