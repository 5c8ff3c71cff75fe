/* Which sentence goes with which code of the server's error table. */

export type ErrorText =
    | "signIn"
    | "notHere"
    | "paused"
    | "tooMany"
    | "usedUp"
    | "tooLong"
    | "noText"
    | "refused"
    | "mayNotSend"
    | "heldBack"
    | "busy"
    | "tooSlow"
    | "unreachable"
    | "interrupted"
    | "connection"
    | "unexpected";

const ERROR_TEXTS: Record<string, ErrorText> = {
    unauthenticated: "signIn",
    permission_denied: "notHere",
    site_disabled: "notHere",
    course_disabled: "notHere",
    placement_disabled: "notHere",
    emergency_stopped: "paused",
    unknown_action: "notHere",
    not_found: "notHere",
    no_config: "notHere",
    rate_limited: "tooMany",
    budget_exceeded: "usedUp",
    upstream_rate_limited: "tooMany",
    body_too_large: "tooLong",
    context_window_exceeded: "tooLong",
    no_text: "noText",
    content_refused: "refused",
    input_blocked: "mayNotSend",
    answer_blocked: "heldBack",
    overloaded: "busy",
    site_busy: "busy",
    idempotency_key_in_use: "busy",
    store_unavailable: "busy",
    timeout: "tooSlow",
    request_timeout: "tooSlow",
    upstream_timeout: "tooSlow",
    no_provider: "unreachable",
    upstream_bad_request: "unreachable",
    upstream_unauthorized: "unreachable",
    upstream_not_found: "unreachable",
    upstream_unavailable: "unreachable",
    upstream_invalid: "unreachable",
    io_error: "unreachable",
    not_supported: "unreachable",
    outbound_refused: "unreachable",
    profile_invalid: "unreachable",
    interrupted: "interrupted",
    connection_lost: "connection",
};

export function errorText(code: string): ErrorText {
    return Object.hasOwn(ERROR_TEXTS, code) ? ERROR_TEXTS[code]! : "unexpected";
}

/** Whether a second try with the same text can end differently. */
export function canRetry(text: ErrorText): boolean {
    return !["signIn", "notHere", "tooLong", "noText", "mayNotSend"].includes(text);
}

/** Why a widget is not shown, for staff. */
export type Unavailable = "site" | "course" | "placement" | "permission" | "provider" | "profile" | "other";

const UNAVAILABLE: Record<string, Unavailable> = {
    site_disabled: "site",
    course_disabled: "course",
    placement_disabled: "placement",
    permission_denied: "permission",
    no_provider: "provider",
    upstream_unavailable: "provider",
    no_config: "profile",
    profile_invalid: "profile",
};

export function unavailable(code: string): Unavailable {
    return Object.hasOwn(UNAVAILABLE, code) ? UNAVAILABLE[code]! : "other";
}
