// The maximums of the API that are not configuration.

/** Heartbeats in one request or WebSocket frame. */
export const MAX_BATCH = 1_000
export const MAX_BODY_BYTES = 2 * 1024 * 1024
/** Items of one page. */
export const MAX_PAGE = 200
export const DEFAULT_PAGE = 50
/** Characters of the reference that a WebSocket client may give a frame. */
export const MAX_REF = 64
