import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Application } from "../../../src/app.ts";
import { renderBanner } from "../../../src/cli/serve.ts";
import type { Config } from "../../../src/config.ts";
import { StartError } from "../../../src/observability/start-error.ts";

const startApplication = jest.fn<(config: Config) => Promise<Application>>();
jest.unstable_mockModule("../../../src/app.ts", () => ({ startApplication }), { virtual: true });
const { serve } = await import("../../../src/cli/serve.ts");

const noFailure = new Promise<Error>(() => {});
const application: Application = {
  url: "http://127.0.0.1:8080",
  adminTokenPath: "data/admin.token",
  databasePath: "data/countersign.db",
  databaseKind: "SQLite",
  mailDescription: "dev inbox",
  inboxUrl: "http://127.0.0.1:8080/inbox",
  metricsUrl: undefined,
  reloadCertificate: async () => {},
  stop: async () => {},
  failed: noFailure,
};

let stdout: string;
let stderr: string;
const exit = jest.fn();
beforeEach(() => {
  stdout = "";
  stderr = "";
  startApplication.mockReset();
  exit.mockReset();
  jest.spyOn(process, "exit").mockImplementation((code) => {
    exit(code);
    return undefined as never;
  });
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  jest.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

const silently = { logLevel: "silent" };

/** Serves until the banner stands there. */
async function serving(changes: Partial<Application> = {}): Promise<{ exitCode: Promise<number> }> {
  startApplication.mockResolvedValue({ ...application, ...changes });
  const exitCode = serve("0.1.0", silently);
  while (!stdout.includes("try")) await sleep(1);
  return { exitCode };
}

/** As Node calls the listeners of a signal. */
function raise(signal: "SIGTERM" | "SIGINT"): void {
  process.emit(signal, signal);
}

describe("the end", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("%s stops gracefully", async (signal) => {
    const stop = jest.fn(async () => {});
    const { exitCode } = await serving({ stop });
    raise(signal);
    expect(await exitCode).toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
    expect(exit).not.toHaveBeenCalled();
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("a second signal, %s, exits at once with %d", async (signal, code) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { exitCode } = await serving({ stop: () => promise });
    raise("SIGTERM");
    await sleep(300);
    expect(exit).not.toHaveBeenCalled();
    raise(signal);
    expect(exit).toHaveBeenCalledWith(code);
    resolve();
    await exitCode;
  });

  test("the two signals of one Ctrl-C under npm are one", async () => {
    const stop = jest.fn(() => sleep(20));
    const { exitCode } = await serving({ stop });
    raise("SIGINT");
    raise("SIGINT");
    expect(await exitCode).toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
    expect(exit).not.toHaveBeenCalled();
  });

  test("a signal during the start stops as soon as it is done", async () => {
    const stop = jest.fn(async () => {});
    const { promise, resolve } = Promise.withResolvers<Application>();
    startApplication.mockReturnValue(promise);
    const exitCode = serve("0.1.0", silently);
    raise("SIGTERM");
    resolve({ ...application, stop });
    expect(await exitCode).toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
  });

  test("an application that cannot go on ends with 1", async () => {
    const { promise, resolve } = Promise.withResolvers<Error>();
    const { exitCode } = await serving({ failed: promise });
    resolve(new Error("fsync failed"));
    expect(await exitCode).toBe(1);
  });

  test.each<[string, Partial<Application>]>([
    ["a stop that fails", { stop: () => Promise.reject(new Error("disk full")) }],
    [
      "a failure during the stop",
      { stop: () => noFailure.then(() => {}), failed: sleep(20).then(() => new Error("x")) },
    ],
  ])("%s ends with 1", async (_, changes) => {
    const { exitCode } = await serving(changes);
    raise("SIGTERM");
    expect(await exitCode).toBe(1);
  });
});

describe("a start that fails", () => {
  const errno = (fields: object) => Object.assign(new Error("raw message"), fields);

  test.each<[string, Error, string]>([
    [
      "of several lines",
      new StartError("the key in data is not\n  the database's"),
      "the key in data is not\ncountersign: the database's",
    ],
    [
      "port in use",
      errno({ code: "EADDRINUSE", syscall: "listen" }),
      "cannot listen on [::1]:8080: the port is in use; choose another, for example COUNTERSIGN_LISTEN=127.0.0.1:0",
    ],
    [
      "foreign address",
      errno({ code: "EADDRNOTAVAIL", syscall: "listen" }),
      "cannot listen on [::1]:8080: no network interface has this address",
    ],
    [
      "privileged port",
      errno({ code: "EACCES", syscall: "listen" }),
      "cannot listen on [::1]:8080: not allowed to use this port",
    ],
    [
      "unknown host",
      errno({ code: "ENOTFOUND", syscall: "getaddrinfo" }),
      "cannot listen on [::1]:8080: the host name is not found",
    ],
    [
      "unwritable directory",
      errno({ code: "EACCES", syscall: "mkdir", path: "/var/x" }),
      "cannot use /var/x (EACCES): COUNTERSIGN_DATA_DIR has to be a directory that this user can write to",
    ],
  ])("%s: one line", async (_, error, line) => {
    startApplication.mockRejectedValue(error);
    expect(await serve("0.1.0", { ...silently, listen: "[::1]:8080" })).toBe(1);
    expect([stdout, stderr]).toEqual(["", `countersign: ${line}\n`]);
  });

  test("for a reason nobody foresaw is logged, not explained away", async () => {
    startApplication.mockRejectedValue(new TypeError("a fault"));
    expect(await serve("0.1.0", silently)).toBe(1);
    expect([stdout, stderr]).toEqual(["", ""]);
  });

  test("never comes to be with a wrong configuration", async () => {
    expect(await serve("0.1.0", { listen: "x" })).toBe(2);
    expect(startApplication).not.toHaveBeenCalled();
  });
});

describe("the banner", () => {
  const plain = (_: string, text: string) => text;

  test("tells where everything is, and what to paste", () => {
    expect(renderBanner(application, "0.1.0", plain).split("\n")).toEqual([
      "Countersign 0.1.0",
      "  serving      http://127.0.0.1:8080     gRPC, gRPC-Web, Connect, REST",
      "  database     data/countersign.db       SQLite, every answer durable",
      "  mail         dev inbox, open http://127.0.0.1:8080/inbox",
      "  admin token  data/admin.token",
      `  try          curl -s http://127.0.0.1:8080/v2/users/human -H "Authorization: Bearer $(cat data/admin.token)" -H 'Content-Type: application/json' -d '{"profile":{"givenName":"Ada","familyName":"Lovelace"},"email":{"email":"ada@example.com","returnCode":{}}}'`,
      `               npx @bufbuild/buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $(cat data/admin.token)" -d '{"profile":{"givenName":"Grace","familyName":"Hopper"},"email":{"email":"grace@example.com","returnCode":{}}}' http://127.0.0.1:8080/zitadel.user.v2.UserService/AddHumanUser`,
      "",
    ]);
  });

  test("over TLS, buf finds HTTP/2 by itself", () => {
    const banner = renderBanner({ ...application, url: "https://127.0.0.1:8080" }, "0.1.0", plain);
    expect(banner).toContain("npx @bufbuild/buf curl --protocol grpc -H");
    expect(banner).toContain("https://127.0.0.1:8080/zitadel.user.v2.UserService/AddHumanUser");
  });

  test("without an inbox and with a configured token", () => {
    const banner = renderBanner(
      {
        ...application,
        inboxUrl: undefined,
        metricsUrl: "http://localhost:9464/metrics",
        mailDescription: "smtp.example.com:587",
        adminTokenPath: undefined,
      },
      "0.1.0",
      plain,
    );
    expect(banner).toContain("  mail         smtp.example.com:587\n");
    expect(banner).toContain("  metrics      http://localhost:9464/metrics\n");
    expect(banner).toContain("  admin token  from COUNTERSIGN_ADMIN_TOKEN\n");
    expect(banner).toContain('-H "Authorization: Bearer $COUNTERSIGN_ADMIN_TOKEN"');
  });

  test("quotes a path for the shell", () => {
    const banner = renderBanner({ ...application, adminTokenPath: "my data/it's.token" }, "0.1.0", plain);
    expect(banner).toContain(String.raw`$(cat 'my data/it'\''s.token')`);
  });

  test("is as wide with colours as without", () => {
    const coloured = renderBanner(application, "0.1.0", (_, text) => `\u001B[1m${text}\u001B[22m`);
    // oxlint-disable-next-line no-control-regex -- the escape sequences are what it takes out
    expect(coloured.replaceAll(/\u001B\[\d+m/g, "")).toBe(renderBanner(application, "0.1.0", plain));
  });
});
