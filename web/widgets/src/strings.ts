/* What the widgets say, in each language, and which sentence goes with which error code. */

export interface Strings {
    assistant: string;
    actions: Record<string, { button: string; title: string }>;
    loading: string;
    writing: string;
    reconnecting: string;
    done: string;
    stopped: string;
    caution: string;
    answeredBy: (name: string) => string;
    answer: string;
    policyTitle: string;
    accept: string;
    notNow: string;
    stop: string;
    retry: string;
    copy: string;
    copied: string;
    copyFailed: string;
    close: string;
    errors: Record<ErrorText, string>;
    retryInSeconds: (seconds: number) => string;
    retryAt: (time: string) => string;
    retryNow: string;
}

export type ErrorText =
    | "signIn"
    | "notHere"
    | "tooMany"
    | "tooLong"
    | "noText"
    | "refused"
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
    unknown_action: "notHere",
    not_found: "notHere",
    rate_limited: "tooMany",
    upstream_rate_limited: "tooMany",
    body_too_large: "tooLong",
    context_window_exceeded: "tooLong",
    no_text: "noText",
    content_refused: "refused",
    overloaded: "busy",
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
    interrupted: "interrupted",
    connection_lost: "connection",
};

export function errorText(code: string): ErrorText {
    return Object.hasOwn(ERROR_TEXTS, code) ? ERROR_TEXTS[code]! : "unexpected";
}

/** Whether a second try with the same text can end differently. */
export function canRetry(text: ErrorText): boolean {
    return !["signIn", "notHere", "tooLong", "noText"].includes(text);
}

const english: Strings = {
    assistant: "Reading assistant",
    actions: {
        summarise_text: { button: "Summarise", title: "Summary" },
        explain_text: { button: "Explain", title: "Explanation" },
    },
    loading: "One moment…",
    writing: "Writing…",
    reconnecting: "The connection was lost. Reconnecting…",
    done: "Done",
    stopped: "Stopped",
    caution: "Made automatically from this page. It can leave things out or get them wrong, so compare it with the text.",
    answeredBy: (name) => `Answered by ${name}.`,
    answer: "Answer",
    policyTitle: "Before you begin",
    accept: "Accept",
    notNow: "Not now",
    stop: "Stop",
    retry: "Try again",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "Copying did not work. Select the text and copy it by hand.",
    close: "Close",
    errors: {
        signIn: "Your session has ended. Reload the page and try again.",
        notHere: "The assistant is not available here.",
        tooMany: "That was a lot in a short time.",
        tooLong: "This text is too long for the assistant.",
        noText: "There is no text to read here.",
        refused: "The assistant cannot answer this.",
        busy: "The assistant is busy. Please try again in a moment.",
        tooSlow: "The answer took too long. Please try again.",
        unreachable: "The assistant cannot be reached just now. Please try again in a moment.",
        interrupted: "The answer was interrupted. Please try again.",
        connection: "The connection was lost. Check your network and try again.",
        unexpected: "Something went wrong. Please try again.",
    },
    retryInSeconds: (seconds) => (seconds === 1 ? "You can try again in 1 second." : `You can try again in ${seconds} seconds.`),
    retryAt: (time) => `You can try again at ${time}.`,
    retryNow: "You can try again now.",
};

const spanish: Strings = {
    assistant: "Asistente de lectura",
    actions: {
        summarise_text: { button: "Resumir", title: "Resumen" },
        explain_text: { button: "Explicar", title: "Explicación" },
    },
    loading: "Un momento…",
    writing: "Escribiendo…",
    reconnecting: "Se ha perdido la conexión. Reconectando…",
    done: "Listo",
    stopped: "Detenido",
    caution: "Hecho automáticamente a partir de esta página. Puede omitir cosas o equivocarse: compáralo con el texto.",
    answeredBy: (name) => `Respuesta de ${name}.`,
    answer: "Respuesta",
    policyTitle: "Antes de empezar",
    accept: "Aceptar",
    notNow: "Ahora no",
    stop: "Detener",
    retry: "Reintentar",
    copy: "Copiar",
    copied: "Copiado",
    copyFailed: "No se ha podido copiar. Selecciona el texto y cópialo a mano.",
    close: "Cerrar",
    errors: {
        signIn: "Tu sesión ha terminado. Recarga la página y vuelve a intentarlo.",
        notHere: "El asistente no está disponible aquí.",
        tooMany: "Han sido muchas peticiones en poco tiempo.",
        tooLong: "Este texto es demasiado largo para el asistente.",
        noText: "Aquí no hay texto que leer.",
        refused: "El asistente no puede responder a esto.",
        busy: "El asistente está ocupado. Inténtalo de nuevo en un momento.",
        tooSlow: "La respuesta ha tardado demasiado. Inténtalo de nuevo.",
        unreachable: "Ahora mismo no se puede contactar con el asistente. Inténtalo de nuevo en un momento.",
        interrupted: "La respuesta se ha interrumpido. Inténtalo de nuevo.",
        connection: "Se ha perdido la conexión. Comprueba tu red e inténtalo de nuevo.",
        unexpected: "Algo ha ido mal. Inténtalo de nuevo.",
    },
    retryInSeconds: (seconds) =>
        seconds === 1 ? "Puedes intentarlo de nuevo en 1 segundo." : `Puedes intentarlo de nuevo en ${seconds} segundos.`,
    retryAt: (time) => `Puedes intentarlo de nuevo a las ${time}.`,
    retryNow: "Ya puedes intentarlo de nuevo.",
};

export const LANGUAGES: Record<string, Strings> = { en: english, es: spanish };

/** The strings for a language tag such as "es-MX", and the language they are really in. */
export function stringsFor(tag: string): { language: string; strings: Strings } {
    const language = tag.toLowerCase().split("-")[0]!;
    return Object.hasOwn(LANGUAGES, language)
        ? { language, strings: LANGUAGES[language]! }
        : { language: "en", strings: english };
}
