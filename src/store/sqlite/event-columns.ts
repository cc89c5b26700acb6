/** What makes an `EventRow` of a row of `events`. */
export const EVENT_COLUMNS = `position, aggregate_type AS aggregateType, aggregate_id AS aggregateId, sequence, type,
  payload, created_at_ms AS createdAtMs, organization_id AS organizationId, editor, request_id AS requestId,
  client_address AS clientAddress`;
