/** As much of the peers' types as is used here, so that types are checked where the peers are not installed. */
declare module "fastify" {
  interface Request {
    readonly headers: { readonly authorization?: string };
    readonly params: unknown;
  }
  interface Reply {
    code(status: number): Reply;
    send(body: object): Reply;
  }
  interface Instance {
    addHook(name: "onRequest", hook: (request: Request, reply: Reply) => Promise<unknown>): void;
    post(
      path: string,
      options: { readonly schema: object },
      handler: (request: Request, reply: Reply) => Promise<object>,
    ): void;
    listen(address: { readonly host: string; readonly port: number }): Promise<string>;
  }
  export function fastify(): Instance;
}

declare module "better-auth" {
  export function betterAuth(options: object): { readonly handler: unknown };
}
declare module "better-auth/db/migration" {
  export function getMigrations(options: object): Promise<{ runMigrations(): Promise<void> }>;
}
declare module "better-auth/node" {
  import type { RequestListener } from "node:http";
  export function toNodeHandler(auth: object): RequestListener;
}
declare module "better-auth/plugins" {
  export function emailOTP(options: { readonly sendVerificationOTP: () => Promise<void> }): object;
}
