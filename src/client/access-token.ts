/** Who a call is made as. */
import type { Interceptor } from "@connectrpc/connect";

/** A token, or what gives one for each try of a call: one that has just run out is not sent again. */
export type TokenSource = string | (() => string | Promise<string>);

export function withToken(token: TokenSource): Interceptor {
  return (next) => async (request) => {
    const value = typeof token === "string" ? token : await token();
    request.header.set("Authorization", `Bearer ${value}`);
    return next(request);
  };
}
