/* When to ask the server again: after pauses that grow while something is awaited, never while nobody sees the page, and when it is seen again. */

/** Milliseconds; tests shorten them. */
export const PAUSES = { first: 2_000, factor: 1.5, most: 60_000 };

export type SeenPage = Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;

export class Refresh {
    private timer: ReturnType<typeof setTimeout> | undefined;
    private pause = 0;
    private awaited = false;

    constructor(
        private readonly ask: () => void,
        private readonly page: SeenPage = document,
        private readonly pauses = PAUSES,
    ) {}

    start(): void {
        this.page.addEventListener("visibilitychange", this.change);
    }

    stop(): void {
        this.page.removeEventListener("visibilitychange", this.change);
        this.settle();
    }

    /** It was asked, and what is awaited has not come: asks again after the next pause. */
    wait(): void {
        clearTimeout(this.timer);
        this.awaited = true;
        this.pause = this.pause ? Math.min(this.pause * this.pauses.factor, this.pauses.most) : this.pauses.first;
        if (!this.page.hidden) this.timer = setTimeout(this.ask, this.pause);
    }

    /** Nothing is awaited any more. */
    settle(): void {
        clearTimeout(this.timer);
        this.awaited = false;
        this.pause = 0;
    }

    private readonly change = (): void => {
        clearTimeout(this.timer);
        if (this.page.hidden) return;
        if (this.awaited) this.pause = 0;
        this.ask();
    };
}
