/* A refusal or failure as it is told: which sentence, whether trying again makes sense, and from when. */
import { Problem } from "../client/api.js";
import { canRetry, errorText } from "../words/errors.js";
import { stringsFor } from "../words/strings.js";

export class Trouble {
    readonly code: string;
    /** Time (ms) from which another try makes sense, 0 = at once. */
    readonly retryFrom: number;

    constructor(error: unknown) {
        const problem = error instanceof Problem ? error : new Problem("internal_error");
        this.code = problem.code;
        this.retryFrom = problem.retryAfter ? Date.now() + problem.retryAfter * 1000 : 0;
    }

    get canRetry(): boolean {
        return canRetry(errorText(this.code));
    }

    /** Another try makes sense, but not yet. */
    get early(): boolean {
        return this.retryFrom > Date.now();
    }

    /** Milliseconds until what is shown is no longer right, 0 = it stays so. */
    get nextTick(): number {
        const wait = this.retryFrom - Date.now();
        return wait > 0 ? wait % 1000 || 1000 : 0;
    }

    text(tag: string): string {
        const { language, strings } = stringsFor(tag);
        const sentence = strings.errors[errorText(this.code)];
        if (!this.retryFrom) return sentence;
        const seconds = Math.ceil((this.retryFrom - Date.now()) / 1000);
        if (seconds <= 0) return `${sentence} ${strings.retryNow}`;
        if (seconds < 60) return `${sentence} ${strings.retryInSeconds(seconds)}`;
        /* Rounded up to the minute, so that the time shown is never too early. */
        const when = new Date(Math.ceil(this.retryFrom / 60_000) * 60_000);
        return `${sentence} ${strings.retryAt(new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(when))}`;
    }
}
