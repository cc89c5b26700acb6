type KeysOf<Payload> = Payload extends unknown ? keyof Payload : never;

/** For each type of event some fields of its payload: a list that does not compile while a type is missing. */
export type PayloadFields<Event extends { readonly type: string; readonly payload: object }> = {
  readonly [Type in Event["type"]]: readonly KeysOf<Extract<Event, { readonly type: Type }>["payload"]>[];
};
