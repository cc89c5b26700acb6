/** Apart from the verifier, whose library is loaded only where JWTs are accepted. */

// A header in base64url begins with `{"`. The signature may be missing, so that an unsigned JWT counts as one, and is
// refused as one.
const JWT_SHAPE = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;

/** Whether a bearer token is a JWT, be it valid or not. */
export function looksLikeJwt(token: string): boolean {
  return JWT_SHAPE.test(token);
}
