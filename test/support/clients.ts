// Real clients of zitadel.user.v2, as one table: each takes a method's name and a request as JSON, and gives back a
// response as JSON or the refusal as its API shows it. None of them knows Countersign's own code.
import { fromJson, toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { createClient, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import * as connectNode from "@connectrpc/connect-node";
import * as connectWeb from "@connectrpc/connect-web";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { createServerTransport } from "@zitadel/client/node";
import { createUserServiceClient } from "@zitadel/client/v2";
import { createClientTransport } from "@zitadel/client/web";
import { UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TestApplication } from "./application.ts";
import { exchangeHttp1, Http2Connection, type RawAnswer, type RawRequest } from "./raw-http.ts";
import {
  connectError,
  decodeMessage,
  detailJson,
  encodeMessage,
  methodOf,
  procedurePath,
  rest,
  statusError,
  type MethodName,
  type WireError,
} from "./wire-formats.ts";

export type Outcome =
  | { readonly ok: true; readonly message: JsonValue }
  | { readonly ok: false; readonly error: WireError };

export interface WireClient {
  call(method: MethodName, request: JsonObject): Promise<Outcome>;
  close(): Promise<void>;
}

export interface ClientKind {
  readonly name: string;
  readonly open: (application: TestApplication) => Promise<WireClient>;
}

// --- Connect-ES: @zitadel/client, connect-web, connect-node -------------------------------------------------------

/** Methods of a Connect-ES client by local name. */
type AnyClient = Readonly<Record<string, (request: unknown) => Promise<never>>>;

function connectClient(client: unknown, close = () => {}): WireClient {
  return {
    async call(name, request) {
      const { localName, input, output } = methodOf(name);
      try {
        const response = await (client as AnyClient)[localName]?.(fromJson(input, request));
        if (response === undefined) throw new Error(`the client has no method ${localName}`);
        return { ok: true, message: toJson(output, response) };
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        return { ok: false, error: fromConnectError(error) };
      }
    },
    async close() {
      close();
    },
  };
}

function fromConnectError({ code, rawMessage, details }: ConnectError): WireError {
  return {
    code,
    message: rawMessage,
    details: details.map((detail) => {
      if (!("type" in detail)) throw new Error("a detail that did not come over the wire");
      return detailJson(detail.type, detail.value);
    }),
  };
}

function withToken({ token }: TestApplication): { readonly interceptors: Interceptor[] } {
  return {
    interceptors: [
      (next) => (request) => {
        request.header.set("Authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  };
}

type MakeTransport = (options: {
  readonly baseUrl: string;
  readonly interceptors: Interceptor[];
}) => Transport;

function overTransport(name: string, makeTransport: MakeTransport): ClientKind {
  return {
    name,
    async open(application) {
      const options = { baseUrl: application.url, ...withToken(application) };
      return connectClient(createClient(UserService, makeTransport(options)));
    },
  };
}

type MakeSessionTransport = (
  options: Parameters<MakeTransport>[0] & { readonly sessionManager: connectNode.Http2SessionManager },
) => Transport;

/** HTTP/2 sessions outlive calls, so they have to be ended. */
function overSession(name: string, makeTransport: MakeSessionTransport): ClientKind {
  return {
    name,
    async open(application) {
      const sessionManager = new connectNode.Http2SessionManager(application.url);
      const options = { baseUrl: application.url, ...withToken(application), sessionManager };
      return connectClient(createClient(UserService, makeTransport(options)), () => sessionManager.abort());
    },
  };
}

const zitadelClients: readonly ClientKind[] = [
  {
    name: "@zitadel/client, server transport",
    async open({ url, token }) {
      const sessionManager = new connectNode.Http2SessionManager(url);
      const transport = createServerTransport(token, { baseUrl: url, sessionManager });
      return connectClient(createUserServiceClient(transport), () => sessionManager.abort());
    },
  },
  {
    name: "@zitadel/client, web transport",
    open: async ({ url, token }) =>
      connectClient(createUserServiceClient(createClientTransport(token, { baseUrl: url }))),
  },
];

const connectWebClients: readonly ClientKind[] = [
  overTransport("connect-web, gRPC-Web binary", connectWeb.createGrpcWebTransport),
  overTransport("connect-web, gRPC-Web JSON", (options) =>
    connectWeb.createGrpcWebTransport({ ...options, useBinaryFormat: false }),
  ),
  overTransport("connect-web, Connect JSON", connectWeb.createConnectTransport),
  overTransport("connect-web, Connect binary", (options) =>
    connectWeb.createConnectTransport({ ...options, useBinaryFormat: true }),
  ),
];

const { compressionGzip } = connectNode;

const connectNodeClients: readonly ClientKind[] = [
  overSession("connect-node, gRPC", connectNode.createGrpcTransport),
  overSession("connect-node, gRPC JSON", (options) =>
    connectNode.createGrpcTransport({ ...options, useBinaryFormat: false }),
  ),
  overSession("connect-node, gRPC gzip", (options) =>
    connectNode.createGrpcTransport({ ...options, sendCompression: compressionGzip, compressMinBytes: 0 }),
  ),
  overTransport("connect-node, gRPC-Web, HTTP/1.1", (options) =>
    connectNode.createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  ),
  overSession("connect-node, gRPC-Web, HTTP/2", (options) =>
    connectNode.createGrpcWebTransport({ ...options, httpVersion: "2" }),
  ),
  overTransport("connect-node, Connect binary, HTTP/1.1", (options) =>
    connectNode.createConnectTransport({ ...options, httpVersion: "1.1" }),
  ),
  overTransport("connect-node, Connect JSON, HTTP/1.1", (options) =>
    connectNode.createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false }),
  ),
  overTransport("connect-node, Connect gzip, HTTP/1.1", (options) =>
    connectNode.createConnectTransport({
      ...options,
      httpVersion: "1.1",
      sendCompression: compressionGzip,
      compressMinBytes: 0,
    }),
  ),
  overSession("connect-node, Connect binary, HTTP/2", (options) =>
    connectNode.createConnectTransport({ ...options, httpVersion: "2" }),
  ),
  overSession("connect-node, Connect JSON, HTTP/2", (options) =>
    connectNode.createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: false }),
  ),
];

// --- grpc-js ------------------------------------------------------------------------------------------------------

type UnaryCallback = (error: grpc.ServiceError | null, response?: JsonObject) => void;
type StartCall = (
  method: MethodName,
  request: JsonObject,
  metadata: grpc.Metadata,
  callback: UnaryCallback,
) => void;

function grpcJsClient({ token }: TestApplication, client: grpc.Client, start: StartCall): WireClient {
  return {
    call(method, request) {
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${token}`);
      return new Promise((resolve) => {
        start(method, request, metadata, (error, response) => {
          if (error === null) resolve({ ok: true, message: response ?? {} });
          else resolve({ ok: false, error: fromServiceError(error) });
        });
      });
    },
    async close() {
      client.close();
    },
  };
}

function fromServiceError({ code, details, metadata }: grpc.ServiceError): WireError {
  const [packed] = metadata.get("grpc-status-details-bin");
  const error = statusError({
    "grpc-status": String(code),
    "grpc-message": encodeURIComponent(details),
    ...(packed !== undefined && { "grpc-status-details-bin": Buffer.from(packed).toString("base64") }),
  });
  if (error === undefined) throw new Error("an error with status 0");
  return error;
}

const PROTO_FOLDERS = [
  "proto",
  "node_modules/google-proto-files",
  "node_modules/@grpc/grpc-js/proto/protoc-gen-validate",
];

/** What @grpc/grpc-js makes of .proto files. */
interface LoadedPackage {
  readonly zitadel: {
    readonly user: { readonly v2: { readonly UserService: grpc.ServiceClientConstructor } };
  };
}

const grpcJsClients: readonly ClientKind[] = [
  {
    name: "grpc-js, from the .proto files",
    async open(application) {
      const includeDirs = PROTO_FOLDERS.map((folder) =>
        fileURLToPath(new URL(`../../${folder}`, import.meta.url)),
      );
      const definition = loadSync("zitadel/user/v2/user_service.proto", {
        includeDirs,
        longs: String,
        enums: String,
      });
      const loaded = grpc.loadPackageDefinition(definition) as unknown as LoadedPackage;
      const { UserService: Client } = loaded.zitadel.user.v2;
      const client = new Client(new URL(application.url).host, grpc.credentials.createInsecure());
      const methods = client as unknown as Readonly<
        Record<string, (request: JsonObject, metadata: grpc.Metadata, callback: UnaryCallback) => void>
      >;
      return grpcJsClient(application, client, (method, request, metadata, callback) => {
        methods[method]?.(request, metadata, callback);
      });
    },
  },
  {
    name: "grpc-js, with @zitadel/proto's descriptors",
    async open(application) {
      const client = new grpc.Client(new URL(application.url).host, grpc.credentials.createInsecure());
      return grpcJsClient(application, client, (name, request, metadata, callback) => {
        const { input, output } = methodOf(name);
        client.makeUnaryRequest(
          procedurePath(name),
          (json: JsonObject) => Buffer.from(encodeMessage(input, json)),
          (bytes: Buffer) => decodeMessage(output, bytes),
          request,
          metadata,
          callback,
        );
      });
    },
  },
];

// --- buf curl: a process that knows nothing but what reflection tells it ------------------------------------------

const BUF = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));
const BUF_TIMEOUT_MS = 20_000;

function bufCurl(protocol: string, options: readonly string[]): ClientKind {
  return {
    name: `buf curl, ${protocol}`,
    open: async ({ url, token }) => ({
      async call(method, request) {
        const headers = ["--header", `Authorization: Bearer ${token}`];
        const child = spawn(
          BUF,
          [
            "curl",
            "--protocol",
            protocol,
            ...options,
            ...headers,
            "--data",
            "@-",
            url + procedurePath(method),
          ],
          // Elsewhere, so that it finds no module of ours to read the schema from.
          { cwd: tmpdir(), timeout: BUF_TIMEOUT_MS, stdio: ["pipe", "pipe", "pipe"] },
        );
        child.stdin.end(JSON.stringify(request));
        const [stdout, stderr, [exitCode]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, "close"),
        ]);
        if (exitCode === 0) return { ok: true, message: JSON.parse(stdout) as JsonValue };
        if (!stderr.startsWith("{")) throw new Error(`buf curl ended with ${exitCode}: ${stderr}`);
        return { ok: false, error: connectError(stderr) };
      },
      async close() {},
    }),
  };
}

const bufClients: readonly ClientKind[] = [
  bufCurl("grpc", ["--http2-prior-knowledge", "--reflect-protocol", "grpc-v1"]),
  bufCurl("grpcweb", ["--http2-prior-knowledge", "--reflect-protocol", "grpc-v1alpha"]),
  bufCurl("connect", []),
];

// --- REST ---------------------------------------------------------------------------------------------------------

function restClient(
  { token }: TestApplication,
  exchange: (request: RawRequest) => Promise<RawAnswer>,
  close: () => Promise<void>,
): WireClient {
  return {
    async call(method, message) {
      const request = rest.encode(method, message);
      const headers = { ...request.headers, authorization: `Bearer ${token}` };
      const answer = rest.decode(method, await exchange({ ...request, headers }));
      if (answer.error !== undefined) return { ok: false, error: answer.error };
      return { ok: true, message: answer.message ?? {} };
    },
    close,
  };
}

const restClients: readonly ClientKind[] = [
  {
    name: "REST, HTTP/1.1",
    open: async (application) =>
      restClient(
        application,
        (request) => exchangeHttp1(application, request),
        async () => {},
      ),
  },
  {
    name: "REST, HTTP/2",
    async open(application) {
      const connection = await Http2Connection.open(application);
      return restClient(
        application,
        (request) => connection.exchange(request),
        () => connection.close(),
      );
    },
  },
];

export const clientKinds: readonly ClientKind[] = [
  ...zitadelClients,
  ...grpcJsClients,
  ...connectWebClients,
  ...connectNodeClients,
  ...bufClients,
  ...restClients,
];
