// What a browser needs of another origin's answers, on every path that writes some; and what it must not get.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { cors } from "@connectrpc/connect";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import {
  exchangeHttp1,
  exchangeHttp2,
  RawSocket,
  type RawAnswer,
  type RawRequest,
} from "../support/raw-http.ts";
import { connectJson, connectProto, grpcWeb, procedurePath, rest } from "../support/wire-formats.ts";

const APP = "https://app.example.com";
const ADMIN = "https://admin.example.com:8443";

const exchanges = [
  ["HTTP/1.1", exchangeHttp1],
  ["HTTP/2", exchangeHttp2],
] as const;

/** Everything in an answer's headers that CORS is about. */
function corsHeaders({ headers }: RawAnswer): Record<string, string | undefined> {
  const names = Object.keys(headers).filter((name) => name === "vary" || name.startsWith("access-control-"));
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

function listed(header: string | undefined): string[] {
  return (header ?? "").split(",").map((name) => name.trim().toLowerCase());
}

function withHeaders(request: RawRequest, headers: Readonly<Record<string, string>>): RawRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}

function preflight(path: string, origin: string): RawRequest {
  const headers = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-grpc-web",
  };
  return { method: "OPTIONS", path, headers };
}

describe("with listed origins", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication({ env: { COUNTERSIGN_CORS_ORIGINS: `${APP}, ${ADMIN}/` } });
  });
  afterAll(() => application.stop());

  function requests(): (readonly [string, RawRequest])[] {
    const authorization = `Bearer ${application.token}`;
    const json = { "content-type": "application/json" };
    return [
      ["REST", withHeaders(rest.encode("ListUsers", {}), { authorization })],
      ["Connect JSON", withHeaders(connectJson.encode("ListUsers", {}), { authorization })],
      ["Connect protobuf", withHeaders(connectProto.encode("ListUsers", {}), { authorization })],
      ["gRPC-Web", withHeaders(grpcWeb.encode("ListUsers", {}), { authorization })],
      ["REST, refused", rest.encode("ListUsers", {})],
      ["Connect, refused", connectJson.encode("ListUsers", {})],
      ["gRPC-Web, refused", grpcWeb.encode("ListUsers", {})],
      [
        "connect-node's part",
        { method: "POST", path: "/grpc.health.v1.Health/Check", headers: json, body: "{}" },
      ],
      [
        "connect-node's refusal",
        {
          method: "POST",
          path: procedurePath("ListUsers"),
          headers: { "content-type": "text/css" },
          body: "",
        },
      ],
      ["a path that is none", { method: "POST", path: "/nope", headers: json, body: "{}" }],
      [
        "a gRPC-Web procedure that is none",
        {
          method: "POST",
          path: "/nope.Nope/Nope",
          headers: { "content-type": "application/grpc-web+proto" },
          body: "",
        },
      ],
      ["a verb that is none", { method: "PATCH", path: "/v2/users" }],
    ];
  }

  describe.each(exchanges)("%s", (_version, exchange) => {
    test.each([APP, ADMIN])("answers to %s are readable there, whatever they say", async (origin) => {
      for (const [name, request] of requests()) {
        const answer = await exchange(application, withHeaders(request, { origin }));
        expect([name, corsHeaders(answer)]).toEqual([
          name,
          {
            vary: "Origin",
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": expect.any(String),
          },
        ]);
        const exposed = listed(answer.headers["access-control-expose-headers"]);
        expect(exposed).toEqual(
          expect.arrayContaining(cors.exposedHeaders.map((header) => header.toLowerCase())),
        );
        expect(exposed).toEqual(
          expect.arrayContaining([
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "x-request-id",
            "retry-after",
          ]),
        );
      }
    });

    test.each([
      "https://evil.example",
      "http://app.example.com",
      "https://app.example.com:444",
      "https://app.example.com.evil.example",
      "https://APP.example.com",
      "http://127.0.0.1:3000",
      "null",
      "*",
      `${APP}, https://evil.example`,
    ])("answers to %s are not", async (origin) => {
      for (const [name, request] of requests()) {
        const answer = await exchange(application, withHeaders(request, { origin }));
        expect([name, corsHeaders(answer)]).toEqual([name, { vary: "Origin" }]);
      }
    });

    test("answers without an origin say that it would matter", async () => {
      for (const [name, request] of requests()) {
        expect([name, corsHeaders(await exchange(application, request))]).toEqual([name, { vary: "Origin" }]);
      }
    });

    test.each(["/v2/users", procedurePath("ListUsers"), "/grpc.health.v1.Health/Check", "/nope"])(
      "a preflight for %s is answered and kept",
      async (path) => {
        const answer = await exchange(application, preflight(path, APP));
        expect(answer.status).toBe(204);
        expect(answer.body).toHaveLength(0);
        // RFC 9110 section 8.6, and nothing was left unread.
        expect(answer.headers["content-length"]).toBeUndefined();
        expect(corsHeaders(answer)).toEqual({
          vary: "Origin",
          "access-control-allow-origin": APP,
          "access-control-allow-credentials": "true",
          "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
          "access-control-allow-headers": expect.any(String),
          "access-control-max-age": "7200",
        });
        expect(listed(answer.headers["access-control-allow-headers"])).toEqual(
          expect.arrayContaining([
            "authorization",
            "content-type",
            "connect-protocol-version",
            "connect-timeout-ms",
            "grpc-timeout",
            "x-grpc-web",
            "x-user-agent",
            "x-zitadel-orgid",
            "x-request-id",
            "idempotency-key",
            "accept-language",
            "traceparent",
          ]),
        );
      },
    );

    test("a preflight of another origin is an OPTIONS like any other", async () => {
      const answer = await exchange(application, preflight("/v2/users", "https://evil.example"));
      expect(answer.status).toBe(405);
      expect(corsHeaders(answer)).toEqual({ vary: "Origin" });
    });

    test.each(["/inbox", "/verify"])("the page %s is for no other origin", async (path) => {
      const headers = { origin: APP };
      for (const request of [
        { method: "GET", path, headers },
        preflight(path, APP),
        { method: "PATCH", path, headers },
      ]) {
        const answer = await exchange(application, request);
        expect(Object.keys(corsHeaders(answer)).filter((name) => name !== "vary")).toEqual([]);
      }
    });
  });

  test("a browser keeps its connection over a preflight", async () => {
    const socket = await RawSocket.open(application);
    const lines = ["Host: x", `Origin: ${APP}`, "Access-Control-Request-Method: POST"].join("\r\n");
    socket.write(`OPTIONS /v2/users HTTP/1.1\r\n${lines}\r\n\r\n`);
    expect(await socket.until((text) => text.endsWith("\r\n\r\n"))).not.toMatch(/connection: close/i);
    socket.write(`POST /v2/users HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`);
    expect(await socket.untilOver()).toMatch(/^HTTP\/1\.1 204 [^]*HTTP\/1\.1 401 /);
  });
});

describe("with *", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication({ env: { COUNTERSIGN_CORS_ORIGINS: "*" } });
  });
  afterAll(() => application.stop());

  test.each(exchanges)("any origin may call, without credentials: %s", async (_version, exchange) => {
    const request = withHeaders(rest.encode("ListUsers", {}), { origin: "https://anyone.example" });
    const expected = {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": expect.any(String),
    };
    expect(corsHeaders(await exchange(application, request))).toEqual(expected);
    const asked = await exchange(application, preflight("/v2/users", "https://anyone.example"));
    expect(asked.status).toBe(204);
    expect(asked.headers["access-control-allow-origin"]).toBe("*");
    expect(asked.headers["access-control-allow-credentials"]).toBeUndefined();
  });
});

describe("without the setting", () => {
  test("loopback origins may call while the dev inbox is on", async () => {
    const application = await startTestApplication();
    const allowed = async (origin: string) => {
      const answer = await exchangeHttp1(application, withHeaders(rest.encode("ListUsers", {}), { origin }));
      return answer.headers["access-control-allow-origin"] === origin;
    };
    for (const origin of [
      "http://localhost:5173",
      "https://localhost",
      "http://127.0.0.1:3000",
      "http://[::1]:3000",
      "http://app.localhost",
    ]) {
      expect([origin, await allowed(origin)]).toEqual([origin, true]);
    }
    for (const origin of [
      "https://example.com",
      "http://localhost.example.com",
      "http://127.0.0.1.example.com",
      "null",
      "http://localhost:3000/",
      "chrome-extension://localhost",
    ]) {
      expect([origin, await allowed(origin)]).toEqual([origin, false]);
    }
    await application.stop();
  });

  test("nobody may where mail is sent", async () => {
    const application = await startTestApplication({ env: { COUNTERSIGN_SMTP_URL: "smtp://127.0.0.1:9" } });
    for (const origin of ["http://localhost:3000", "https://example.com"]) {
      const answer = await exchangeHttp1(application, withHeaders(rest.encode("ListUsers", {}), { origin }));
      expect(corsHeaders(answer)).toEqual({});
      expect(corsHeaders(await exchangeHttp1(application, preflight("/v2/users", origin)))).toEqual({});
    }
    await application.stop();
  });
});
