// An issuer of JWTs: a JWK Set served over HTTP on loopback, and whatever tokens a test asks for, good and bad.
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
} from "jose";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** @param kid "" for a key without one */
export async function newSigningKey(kid: string, alg = "ES256"): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), ...(kid !== "" && { kid }), alg, use: "sig" };
  return { kid, alg, privateKey, publicJwk };
}

export interface TokenWishes {
  /** Over what a good token has; undefined leaves the claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Partial<JWTHeaderParameters>;
  /** Default: the issuer's first. */
  readonly key?: SigningKey;
  /** Milliseconds since the Unix epoch. Default: now. */
  readonly nowMs?: number;
}

export const AUDIENCE = "https://verify.example.com";

export class JwtIssuer {
  /** What is published, in this order. */
  keys: SigningKey[];
  /** Answers a request for the keys; tests put other ways in its place. */
  answer: (response: ServerResponse) => void = (response) => {
    response.setHeader("content-type", "application/jwk-set+json");
    response.end(JSON.stringify({ keys: this.keys.map(({ publicJwk }) => publicJwk) }));
  };
  /** How often the keys were asked for. */
  requests = 0;
  /** Claim `iss` of its tokens, and the origin of its keys. */
  readonly issuer: string;
  readonly #server: Server;

  private constructor(server: Server, keys: SigningKey[]) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.keys = keys;
    server.on("request", (_request, response) => {
      this.requests += 1;
      this.answer(response);
    });
  }

  static async start(...keys: SigningKey[]): Promise<JwtIssuer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new JwtIssuer(server, keys.length > 0 ? keys : [await newSigningKey("first")]);
  }

  get jwksUrl(): string {
    return `${this.issuer}/keys`;
  }

  /** The settings of a service that accepts its tokens. */
  get env(): Readonly<Record<string, string>> {
    return {
      COUNTERSIGN_JWT_ISSUER: this.issuer,
      COUNTERSIGN_JWT_AUDIENCE: AUDIENCE,
      COUNTERSIGN_JWKS_URL: this.jwksUrl,
    };
  }

  claims(subject: string, nowMs = Date.now()): Record<string, unknown> {
    const now = Math.floor(nowMs / 1_000);
    return { iss: this.issuer, aud: AUDIENCE, sub: subject, iat: now, exp: now + 3_600 };
  }

  async token(subject: string, { claims, header, key, nowMs }: TokenWishes = {}): Promise<string> {
    const signer = key ?? this.keys[0];
    if (signer === undefined) throw new Error("no key to sign with");
    const { kid, alg, privateKey } = signer;
    return new SignJWT({ ...this.claims(subject, nowMs), ...claims })
      .setProtectedHeader({ alg, ...(kid !== "" && { kid }), ...header })
      .sign(privateKey);
  }

  /** What waits for an answer gets none. */
  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** A part of a JWT. */
export function encodePart(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString("base64url");
}
