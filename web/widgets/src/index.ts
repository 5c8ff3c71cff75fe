/* Defines the custom elements. Loading the module twice does no harm. */
import { LecternAssist } from "./lectern-assist.js";

if (!customElements.get("lectern-assist")) customElements.define("lectern-assist", LecternAssist);

export { LecternAssist };
