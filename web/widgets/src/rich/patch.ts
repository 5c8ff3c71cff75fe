/* Makes nodes like others, touching only what differs: a selection, the focus and the place of scrolling outlive a text that grows. */

function sameShell(a: Node, b: Node): boolean {
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
    if (!(a instanceof Element) || !(b instanceof Element)) return true;
    const { attributes } = b;
    return a.attributes.length === attributes.length && [...attributes].every((each) => a.getAttribute(each.name) === each.value);
}

function make(old: Node, wanted: Node): void {
    if (old instanceof Text) {
        if (old.data !== (wanted as Text).data) old.data = (wanted as Text).data;
    } else if (!old.isEqualNode(wanted)) {
        patchChildren(old, 0, [...wanted.childNodes]);
    }
}

/** The children of `parent` from `from` on become `wanted`. */
export function patchChildren(parent: Node, from: number, wanted: Node[]): void {
    for (const [i, node] of wanted.entries()) {
        const old = parent.childNodes[from + i];
        if (!old) parent.appendChild(node);
        else if (sameShell(old, node)) make(old, node);
        else parent.replaceChild(node, old);
    }
    while (parent.childNodes.length > from + wanted.length) parent.lastChild!.remove();
}
