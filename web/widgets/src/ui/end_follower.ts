/* A log that follows what is written at its end, unless somebody reads further up. */

/** Pixels from the end within which it follows. */
const NEAR_END = 40;

export class EndFollower {
    atEnd = true;

    constructor(
        private readonly log: () => HTMLElement | null,
        private readonly changed: () => void,
    ) {}

    readonly scrolled = (): void => {
        const log = this.log();
        const atEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
        if (atEnd === this.atEnd) return;
        this.atEnd = atEnd;
        this.changed();
    };

    /** Something was written. */
    follow(): void {
        if (this.atEnd) requestAnimationFrame(() => this.atEnd && this.toEnd());
    }

    toEnd(): void {
        const log = this.log();
        if (log) log.scrollTop = log.scrollHeight;
    }

    readonly toNewest = (): void => {
        this.atEnd = true;
        this.toEnd();
        this.log()?.focus();
        this.changed();
    };

    /** What is being read stays where it is while `change` adds something above it. */
    async hold(change: () => Promise<void>): Promise<void> {
        const log = this.log();
        const fromEnd = log ? log.scrollHeight - log.scrollTop : 0;
        await change();
        if (log) log.scrollTop = log.scrollHeight - fromEnd;
    }
}
