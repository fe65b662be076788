// Every limit of the worker in one place.

/** Header and body of one frame together. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Calls of A2A handlers that may run at the same time. */
export const MAX_EXECUTIONS = 1024;
/** One event of a streaming handler, as JSON. */
export const MAX_EVENT_BYTES = 1024 * 1024;
/** Events a streaming handler may be ahead of `par`, which gives credit for more. */
export const EVENT_CREDIT = 16;
/** The body of a request that the built-in router reads into `req.body`. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Lines of evidence in a load error, and characters per line. */
export const MAX_EVIDENCE_LINES = 20;
export const MAX_EVIDENCE_CHARS = 500;
/** Characters of an error message that goes to a caller. */
export const MAX_MESSAGE_CHARS = 65536;
/** Idle HTTP connections stay open longer than those who pool them keep them. */
export const KEEP_ALIVE_MS = 75_000;
/** How often an agent's own server is looked for: first pause, doubled up to the longest. */
export const FIRST_LOOK_MS = 5;
export const LONGEST_LOOK_MS = 100;
/** An own server may listen elsewhere this long before it must listen where it was asked to. */
export const ELSEWHERE_GRACE_MS = 5_000;
/** Grace when stopped by a signal instead of a drain frame. */
export const SIGNAL_GRACE_MS = 30_000;
/** Grace when the other end of the frame socket is gone. */
export const ORPHAN_GRACE_MS = 2_000;
/** Calls that were cancelled at the end of the grace may answer this long. */
export const CANCELLED_GRACE_MS = 100;
