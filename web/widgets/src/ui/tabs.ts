/* Other tabs of the same origin that show the same thing: they are told when it has changed, and tell. Also looking at a page again counts. */

export class Tabs {
    private channel: BroadcastChannel | undefined;

    constructor(
        private readonly name: string,
        /** What is shown, as a text that is the same in the other tabs. */
        private readonly key: () => string,
        private readonly changed: () => void,
    ) {}

    connect(): void {
        document.addEventListener("visibilitychange", this.looked);
        this.channel = new BroadcastChannel(this.name);
        this.channel.onmessage = (event) => {
            if (event.data === this.key()) this.changed();
        };
    }

    disconnect(): void {
        document.removeEventListener("visibilitychange", this.looked);
        this.channel?.close();
        this.channel = undefined;
    }

    tell(): void {
        this.channel?.postMessage(this.key());
    }

    private readonly looked = (): void => {
        if (document.visibilityState === "visible") this.changed();
    };
}
