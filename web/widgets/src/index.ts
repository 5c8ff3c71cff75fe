/* Defines the custom elements. Loading the module twice does no harm. */
import { LecternAssist } from "./elements/lectern-assist.js";
import { LecternChat } from "./elements/lectern-chat.js";
import { LecternSlot } from "./elements/lectern-slot.js";
import { load, ON_DEMAND, watch } from "./on_demand.js";

const ELEMENTS = { "lectern-assist": LecternAssist, "lectern-chat": LecternChat, "lectern-slot": LecternSlot };

for (const [name, element] of Object.entries(ELEMENTS)) if (!customElements.get(name)) customElements.define(name, element);
if (typeof document !== "undefined") watch(document); // a server that renders pages has none

export { LecternAssist, LecternChat, LecternSlot, load, ON_DEMAND };
